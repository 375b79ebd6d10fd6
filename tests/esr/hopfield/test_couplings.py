"""Q in blocks is the Q that the rules say, whichever blocks were found."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_rules import random_grid, random_terms
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield import Axis, Couplings, CouplingTerm, Grid
from esr.hopfield.blocks import AllPairsBlock, Block, EdgeBlock, ExplicitBlock, OffsetBlock
from esr.hopfield.recognise import structured_blocks

ROUNDING = {"rtol": 1e-10, "atol": 1e-10}
"""Sums of some tens of terms of order one in float64."""


def dense_by_hand(grid: Grid, terms: list[CouplingTerm]) -> Tensor:
    full = torch.zeros(grid.size, grid.size, dtype=torch.float64)
    for term in terms:
        if term.order == 2 and not term.hard:
            for (i, j), weight in zip(term.neurons.tolist(), term.weights.tolist(), strict=True):
                full[i, j] += weight
                full[j, i] += weight
    return full


def energy_by_hand(terms: list[CouplingTerm], states: Tensor) -> Tensor:
    flat, energy = states.flatten(1), torch.zeros(len(states), dtype=torch.float64)
    for term in terms:
        if not term.hard:
            for row, weight in zip(term.neurons.tolist(), term.weights.tolist(), strict=True):
                energy -= weight * flat[:, row].prod(1)
    return energy


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), grouped=st.booleans())
def test_energy_field_and_dense_form_agree_with_the_terms(seed: int, grouped: bool) -> None:
    grid = random_grid(seed, grouped)
    terms = random_terms(grid, seed, hard=True)
    couplings = Couplings(grid, terms, torch.float64)
    generator = torch.Generator().manual_seed(seed)
    shape = (3, grid.slots, grid.symbols)
    states = torch.rand(shape, generator=generator, dtype=torch.float64, requires_grad=True)
    energy = couplings.energy(states)
    torch.testing.assert_close(energy, energy_by_hand(terms, states), **ROUNDING)
    (slope,) = torch.autograd.grad(energy.sum(), states)
    torch.testing.assert_close(couplings.field(states), -slope, **ROUNDING)
    torch.testing.assert_close(couplings.dense(), dense_by_hand(grid, terms), **ROUNDING)
    by_rule = couplings.energy_by_rule(states)
    assert "hard" not in by_rule
    torch.testing.assert_close(sum(by_rule.values()), energy, **ROUNDING)
    shuffled = Couplings(grid, terms[::-1], torch.float64)
    torch.testing.assert_close(shuffled.dense(), couplings.dense(), **ROUNDING)


def pair_term(grid: Grid, edges: list[tuple[int, int]], matrix: Tensor) -> CouplingTerm:
    rows, columns = matrix.nonzero().unbind(1)
    width = grid.symbols
    pairs = [torch.stack([g * width + rows, h * width + columns], 1) for g, h in edges]
    return CouplingTerm("pairs", torch.cat(pairs), matrix[rows, columns].repeat(len(edges)))


CHAIN = [(g, g + 1) for g in range(5)]
FAR = [(g, g + 3) for g in range(3)]
EVERY = [(g, h) for g in range(6) for h in range(g + 1, 6)]
TREE = [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5)]


@pytest.mark.parametrize(
    ("edges", "kind"),
    [(CHAIN, OffsetBlock), (FAR, OffsetBlock), (EVERY, AllPairsBlock), (TREE, EdgeBlock)],
)
def test_structure_is_found_and_right(edges: list[tuple[int, int]], kind: type[Block]) -> None:
    grid = Grid([Axis("p", tuple(range(6))), Axis("s", tuple("abcd"))], ["s"])
    matrix = torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    term = pair_term(grid, edges, matrix)
    couplings = Couplings(grid, [term], torch.float64)
    assert [type(block) for block in couplings.structured()] == [kind]
    torch.testing.assert_close(couplings.dense(), dense_by_hand(grid, [term]), **ROUNDING)
    states = torch.rand(2, 6, 4, dtype=torch.float64)
    expected = (states.flatten(1) @ couplings.dense()).view_as(states)
    torch.testing.assert_close(couplings.product(states), expected, **ROUNDING)


def test_equal_matrices_within_and_between_slots_are_kept_apart() -> None:
    grid = Grid([Axis("p", (0, 1, 2)), Axis("s", ("a", "b"))], ["s"])
    within = CouplingTerm("w", torch.arange(6)[:, None].repeat(1, 2), torch.full((6,), 0.5))
    between = pair_term(grid, [(0, 1)], torch.eye(2, dtype=torch.float64))
    couplings = Couplings(grid, [within, between], torch.float64)
    torch.testing.assert_close(couplings.dense(), dense_by_hand(grid, [within, between]))


def test_sparse_wide_couplings_stay_explicit() -> None:
    wide = 80
    neurons = torch.tensor([[0, wide + 3], [5, 2 * wide + 1]])
    blocks = structured_blocks(neurons, torch.tensor([1.0, 2.0]), 3, wide)
    assert [type(block) for block in blocks] == [ExplicitBlock]


def test_gradients_reach_the_parameters_of_rules() -> None:
    grid = Grid([Axis("p", (0, 1, 2)), Axis("s", ("a", "b"))])
    strength = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    neurons = torch.tensor([[0, 2], [1, 3], [2, 4], [0, 0]])
    couplings = Couplings(grid, [CouplingTerm("r", neurons, strength.expand(4))], torch.float64)
    states = torch.rand(1, 3, 2, dtype=torch.float64)
    (slope,) = torch.autograd.grad(couplings.energy(states).sum(), strength)
    expected = -states.flatten()[neurons].prod(1).sum()
    torch.testing.assert_close(slope, expected, **ROUNDING)


def test_explain_names_the_rules_behind_an_entry() -> None:
    grid = Grid([Axis("p", (0, 1)), Axis("s", ("a", "b"))], ["s"])
    one = CouplingTerm("one", torch.tensor([[0, 2]]), torch.tensor([1.5]), line=3, source="...")
    two = CouplingTerm("two", torch.tensor([[2, 0], [1, 1]]), torch.tensor([-0.5, 2.0]))
    ban = CouplingTerm("ban", torch.tensor([[0, 2]]), torch.ones(1), hard=True)
    couplings = Couplings(grid, [one, two, ban])
    found = couplings.explain(2, 0)
    assert [(e.rule, e.weight, e.hard) for e in found] == [
        ("one", 1.5, False),
        ("two", -0.5, False),
        ("ban", 0.0, True),
    ]
    assert found[0].line == 3
    assert couplings.explain(1, 1)[0].weight == 4.0 == float(couplings.dense()[1, 1])
    assert couplings.explain(0) == []


def test_misfit_terms_are_refused() -> None:
    grid = Grid([Axis("p", (0, 1))])
    with pytest.raises(ConfigurationError, match="the grid has 0 to 1"):
        Couplings(grid, [CouplingTerm("r", torch.tensor([[2]]), torch.ones(1))])
    with pytest.raises(ConfigurationError, match="NaN or infinite"):
        Couplings(grid, [CouplingTerm("r", torch.tensor([[1]]), torch.tensor([torch.nan]))])


def test_full_matrix_is_the_same_energy() -> None:
    grid = random_grid(8, grouped=False)
    terms = random_terms(grid, 8)
    states = torch.rand(2, grid.slots, grid.symbols, dtype=torch.float64)
    blocks = Couplings(grid, terms, torch.float64)
    full = Couplings(grid, terms, torch.float64, full=True)
    torch.testing.assert_close(full.energy(states), blocks.energy(states), **ROUNDING)
    torch.testing.assert_close(full.field(states), blocks.field(states), **ROUNDING)
    torch.testing.assert_close(full.dense(), blocks.dense(), **ROUNDING)
