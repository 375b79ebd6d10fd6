"""Energies and frames against least squares, and what no program may hide."""

import math

import pytest
import torch
from small_programs import aimless, landscape_of, programs_of

from esr.search.chains.energy import Energy
from esr.search.chains.landscape import Landscape

NODE = 0.02


def energy_of(target: torch.Tensor, weights: torch.Tensor) -> Energy:
    return Energy(target[None], weights, NODE)


def test_frames_are_those_of_weighted_least_squares(draws) -> None:
    target, weights = draws.normal(40), draws.uniform(40)
    outputs = draws.normal(30, 40) + 2 * draws.uniform(30, 1) * target + draws.normal(30, 1)
    energy = energy_of(target, weights)
    sizes = torch.arange(30)
    fits = energy.fits(outputs, sizes, torch.zeros(30, dtype=torch.long))
    w = weights / weights.sum()
    spread = float((w * (target - (w * target).sum()).square()).sum())
    for row, f in enumerate(outputs):
        one, nothing = torch.ones_like(f), torch.zeros_like(f)
        forms = [(nothing[:, None], f, 0), (f[:, None], nothing, 2), (one[:, None], f, 2)]
        forms.append((torch.stack([f, one], 1), nothing, 4))
        found = []
        for columns, fixed, nodes in forms:
            root = w.sqrt()[:, None]
            solution = torch.linalg.lstsq(root * columns, root[:, 0] * (target - fixed)).solution
            rest = target - fixed - columns @ solution
            error = float((w * rest.square()).sum()) / spread
            found.append(0.5 * math.log(error) + NODE * (row + nodes))
        assert float(fits.energy[row]) == pytest.approx(min(found), abs=1e-9)
        rest = target - fits.scale[row] * f - fits.shift[row]
        assert float((w * rest.square()).sum()) / spread == pytest.approx(float(fits.error[row]))
        assert int(fits.frame_nodes[row]) == (0, 2, 2, 4)[found.index(min(found))]


def test_energy_knows_no_units(draws) -> None:
    target, outputs = draws.normal(20), draws.normal(5, 20)
    groups, sizes = torch.zeros(5, dtype=torch.long), torch.full((5,), 3)
    ones = torch.ones(20, dtype=torch.float64)
    one = energy_of(target, ones).fits(outputs, sizes, groups)
    other = energy_of(1e9 * target, 7 * ones).fits(1e9 * outputs, sizes, groups)
    torch.testing.assert_close(one.energy, other.energy, rtol=1e-9, atol=1e-9)


def test_undefined_and_oversized_programs_have_infinite_energy() -> None:
    landscape = landscape_of("x*y")
    programs = programs_of(landscape, "log(x-5)", "1/(x-x)", "x*y", "exp(exp(exp(exp(9*x))))")
    fits = landscape.fits(programs, aimless(programs))
    assert fits.energy.isfinite().tolist() == [False, False, True, False]
    ones = torch.ones(8, dtype=torch.float64)
    target = torch.arange(8, dtype=torch.float64)
    small = Energy(target[None], ones, NODE, most_nodes=5)
    sizes = torch.tensor([5, 6])
    energies = small.fits(target.sin().expand(2, -1), sizes, torch.zeros(2, dtype=torch.long))
    assert energies.energy.isfinite().tolist() == [True, False]
    assert float(energies.scale[0]) == 1  # a frame would make it larger still


def test_large_outputs_cannot_seem_exact() -> None:
    target = torch.linspace(0, 1, 16, dtype=torch.float64)
    energy = energy_of(target, torch.ones_like(target))
    outputs = 1e12 + (5 * target[None]).sin()
    fits = energy.fits(outputs, torch.tensor([3]), torch.zeros(1, dtype=torch.long))
    assert float(fits.error[0]) > 1e-3


def test_constant_targets_are_met_by_constants() -> None:
    target = torch.full((6,), 3.0, dtype=torch.float64)
    energy = energy_of(target, torch.ones_like(target))
    fits = energy.fits(target[None] / 2, torch.tensor([1]), torch.zeros(1, dtype=torch.long))
    assert float(fits.error[0]) < 1e-14
    # a factor of 2 or a shift of 1.5, which take as many nodes
    assert float(fits.scale[0] * 1.5 + fits.shift[0]) == pytest.approx(3)


def test_the_law_itself_has_the_lowest_energy(landscape: Landscape) -> None:
    programs = programs_of(landscape, "x*y+sin(x)", "x*y+x", "x*y")
    fits = landscape.fits(programs, aimless(programs))
    assert int(fits.energy.argmin()) == 0
    assert float(fits.error[0]) < 1e-14
    assert float(fits.scale[0]) == 1
    assert float(fits.shift[0]) == 0
