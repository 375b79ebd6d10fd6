"""Targets of slots, and retrieval of patterns and pairs there, against brute force."""

import math

import pytest
import torch
from small_programs import aimless, landscape_of, programs_of, question_of
from torch import Tensor

from esr.equations import STANDARD
from esr.loss_bias import OutputBank, slot_targets
from esr.search import Clock
from esr.search.chains.aims import aims
from esr.search.chains.draws import Draws
from esr.search.chains.heap import Programs
from esr.search.chains.inverses import wanted_argument
from esr.search.chains.pairs import sum_pairs
from esr.search.chains.patterns import Patterns
from esr.search.chains.recall_moves import RecallMoves
from esr.search.chains.retrieval import Retrieval, times, without
from esr.search.memory import Memory, remember
from esr.spelling import HeapTree


def frameless(programs: Programs) -> Tensor:
    return torch.tensor([1.0, 0.0], dtype=torch.float64).expand(len(programs), -1)


def memory_of(text: str, patterns: int = 400) -> Memory:
    return remember(question_of(text), patterns, Clock())


@pytest.mark.parametrize("name", [name for name in STANDARD if name not in ("max", "min")])
def test_functions_take_the_target_at_the_wanted_argument(name: str) -> None:
    primitive = STANDARD[name]
    generator = torch.Generator().manual_seed(0)
    x, y = (0.1 + 0.8 * torch.rand(64, generator=generator, dtype=torch.float64) for _ in "xy")
    arguments = [(x, y), (y, x)] if primitive.arity == 2 else [(x,)]
    for side, pair in enumerate(arguments):
        ordered = pair if side == 0 else pair[::-1]
        target = primitive.torch_function(*ordered)
        present = pair[0] + 0.05  # of several arguments the nearest is the one it came from
        other = pair[1] if primitive.arity == 2 else None
        found = wanted_argument(name, side, target, other, present)
        if name in ("neg", "identity"):
            assert found is None
            continue
        assert found is not None
        torch.testing.assert_close(found, pair[0], rtol=1e-7, atol=1e-7)


def test_unreachable_targets_have_no_argument() -> None:
    one = torch.ones(1, dtype=torch.float64)
    for name, target in [("sqrt", -1.0), ("exp", -1.0), ("sin", 2.0), ("square", -1.0)]:
        found = wanted_argument(name, 0, target * one, None, one)
        assert found is not None
        assert not bool(found.isfinite().any())


def test_where_the_root_is_linear_the_aim_is_the_gauss_newton_target() -> None:
    landscape = landscape_of("x*y+sin(x)")
    programs = programs_of(landscape, "x*(y+exp(x))", "x*(y+exp(x))", "sin(x)-x*y")
    slots = torch.tensor([2, 6, 2])
    found, present = aims(landscape, programs, slots, frameless(programs), aimless(programs))
    alphabet = landscape.alphabet
    tree = HeapTree(alphabet.functions, alphabet.variables, (1.0,), landscape.heap.depth)
    inputs = landscape.table[1 : alphabet.number].T
    values = tree.slot_values(programs.symbols, inputs)
    energy = landscape.energy
    expected = slot_targets(tree, programs.symbols, values, energy.targets[0])
    expected = expected.at(torch.arange(3), slots)
    bank = OutputBank(landscape.table[1:])
    torch.testing.assert_close(
        bank.energies(found) * energy.spreads[0], bank.energies(expected), rtol=1e-9, atol=1e-9
    )
    torch.testing.assert_close(present, values[torch.arange(3), slots])


def test_what_would_meet_the_target_has_no_energy() -> None:
    landscape = landscape_of("sqrt(exp(x*y)+y)")
    programs = programs_of(landscape, "sqrt(exp(x+y)+y)")
    argument = torch.tensor([7])  # of the exponential
    found, _ = aims(landscape, programs, argument, frameless(programs), aimless(programs))
    x, y = landscape.table[1], landscape.table[2]
    energies = OutputBank(torch.stack([x * y, x + y])).energies(found)[0]
    assert float(energies[0]) == pytest.approx(0, abs=1e-12)  # a difference of sums of order 1
    assert float(energies[1]) > 0.01


def test_targets_beside_a_term_and_of_a_factor(draws: Draws) -> None:
    landscape = landscape_of("x*y+sin(x)")
    programs = programs_of(landscape, "x*y+cos(x)")
    wanted, _ = aims(
        landscape, programs, torch.tensor([0]), frameless(programs), aimless(programs)
    )
    term, more = draws.normal(1, 24), draws.normal(1, 24)
    torch.testing.assert_close(
        without(wanted, term).energies(more), wanted.energies(term + more), rtol=1e-10, atol=1e-12
    )
    torch.testing.assert_close(
        times(wanted, term).energies(more), wanted.energies(term * more), rtol=1e-10, atol=1e-12
    )
    term[0, 3] = math.nan
    assert bool(times(wanted, term).energies(more).isfinite().all())


def weighted_rest(w: Tensor, target: Tensor, columns: Tensor) -> float:
    root = w.sqrt()
    solution = torch.linalg.lstsq(root[:, None] * columns, root * target).solution
    return float((w * (target - columns @ solution).square()).sum())


def test_the_retrieved_pattern_is_the_best_of_all_with_a_free_frame(draws: Draws) -> None:
    landscape = landscape_of("x*y+sin(x)")
    memory = memory_of("x*y+sin(x)", 200)
    patterns = Patterns(memory, landscape.alphabet, landscape.heap)
    programs = programs_of(landscape, "y*exp(x)")
    slot = torch.tensor([2])
    wanted, present = aims(landscape, programs, slot, frameless(programs), aimless(programs))
    retrieval = Retrieval(patterns, 0.0)
    frames = torch.tensor([[False, False, True]])
    levels = torch.full((1, 3), 9)
    cold = torch.full((1,), 1e-9, dtype=torch.float64)
    choice = retrieval.draw(wanted, present, frames, levels, cold, 1, draws)
    w = wanted.weights[0]
    target = wanted.weighted[0] / w
    rests = [
        weighted_rest(w, target, torch.stack([f, torch.ones_like(f)], 1)) for f in memory.values
    ]
    found = choice.gains * memory.values[choice.items[0]] + choice.shifts
    rest = float((w * (target - found).square()).sum())
    assert rest == pytest.approx(min(rests), rel=1e-4)


def test_the_best_pair_is_that_of_brute_force(draws: Draws) -> None:
    landscape = landscape_of("2*x*y-3*sin(x)+1")
    memory = memory_of("2*x*y-3*sin(x)+1", 60)
    patterns = Patterns(memory, landscape.alphabet, landscape.heap)
    programs = programs_of(landscape, "x")
    wanted, _ = aims(
        landscape, programs, torch.tensor([0]), frameless(programs), aimless(programs)
    )
    window = torch.arange(len(patterns))
    first, second, factors = sum_pairs(wanted, patterns, window, 0.0, 3)
    pair = torch.stack([memory.values[first[0]], memory.values[second[0]]])
    found = factors[0, :2] @ pair + factors[0, 2]
    # the ridge of least squares and the rounding of Gram's matrix
    torch.testing.assert_close(found, landscape.energy.targets[0], rtol=1e-4, atol=1e-4)


def test_recalled_programs_are_judged_as_they_were_scored(draws: Draws) -> None:
    landscape = landscape_of("exp(x*y)+sin(x)")
    memory = memory_of("exp(x*y)+sin(x)", 400)
    patterns = Patterns(memory, landscape.alphabet, landscape.heap)
    moves = RecallMoves(landscape, patterns, draws)
    programs = programs_of(landscape, "exp(x+y)+cos(x)", "exp(x*y)+x", "sin(x)+y")
    fits = landscape.fits(programs, aimless(programs))
    cold = torch.full((3,), 1e-3, dtype=torch.float64)
    lowest = math.inf
    for _ in range(40):
        rows, changed = moves.single(programs, fits, aimless(programs), cold, 2)
        assert len(rows) == len(changed) <= 6
        lowest = min(lowest, float(landscape.fits(changed, aimless(changed)).error.min()))
    assert lowest < 1e-12
    rows, changed = moves.pairs(programs, fits, aimless(programs), 4)
    tree = HeapTree(landscape.alphabet.functions, ("x", "y"), (1.0,), landscape.heap.depth)
    assert bool(tree.valid(changed.symbols).all())
    assert float(landscape.fits(changed, aimless(changed)).error.min()) < 1e-12


def test_without_curvature_large_outputs_win(draws: Draws) -> None:
    landscape = landscape_of("x*y+sin(x)")
    memory = memory_of("x*y+sin(x)", 300)
    patterns = Patterns(memory, landscape.alphabet, landscape.heap)
    programs = programs_of(landscape, "x*y")
    wanted, present = aims(
        landscape, programs, torch.tensor([0]), frameless(programs), aimless(programs)
    )
    frames, levels = torch.ones(1, 3, dtype=torch.bool), torch.full((1, 3), 9)
    cold = torch.full((1,), 1e-9, dtype=torch.float64)
    choice = Retrieval(patterns, 0.0, curvature=False).draw(
        wanted, present, frames, levels, cold, 1, draws
    )
    assert float(patterns.norms[choice.items[0]]) > float(patterns.norms.median())
