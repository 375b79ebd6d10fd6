"""What a diagnosis says, against full matrices and every state of small random programs."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_rules import random_grid, random_terms
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield import (
    Axis,
    Couplings,
    CouplingTerm,
    Grid,
    HopfieldNetwork,
    Sigmoid,
    Softmax,
    computed_step,
    diagnose,
)
from esr.hopfield.dynamics.activation import Activation
from esr.hopfield.spectrum.stability import safe_step


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def projection(grid: Grid) -> Tensor:
    """P, which takes the mean off each slot."""
    inner = torch.eye(grid.symbols, dtype=torch.float64) - 1 / grid.symbols
    return torch.block_diag(*[inner] * grid.slots)


def dense(grid: Grid, terms: list[CouplingTerm], centred: bool) -> Tensor:
    matrix = Couplings(grid, terms, torch.float64).dense()
    p = projection(grid)
    return p @ matrix @ p if centred else matrix


def pair_terms(grid: Grid, seed: int, rules: int = 3) -> list[CouplingTerm]:
    """Rules of a dozen weighted pairs each."""
    generator = rng(seed)
    shape = (rules, 12)
    neurons = torch.randint(grid.size, (*shape, 2), generator=generator)
    weights = torch.randn(shape, generator=generator, dtype=torch.float64)
    return [CouplingTerm(f"rule_{k}", neurons[k], weights[k]) for k in range(rules)]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), grouped=st.booleans())
def test_spectrum_step_and_sensitivities_are_those_of_the_full_matrix(
    seed: int, grouped: bool
) -> None:
    grid, terms = random_grid(seed, grouped), random_terms(random_grid(seed, grouped), seed)
    network = HopfieldNetwork(grid, terms, dtype=torch.float64)
    activation: Activation = Softmax(0.7) if grouped else Sigmoid(3.0)
    found = diagnose(network, activation, generator=rng())
    matrix = dense(grid, terms, grouped)
    values, vectors = torch.linalg.eigh(matrix)
    # Matrices of at most 16 rows and entries of size one are diagonalised: rounding alone.
    assert found.spectrum.lowest == pytest.approx(float(values[0]), abs=1e-10)
    assert found.spectrum.highest == pytest.approx(float(values[-1]), abs=1e-10)
    assert found.spectrum.centred == grouped
    assert found.computed_step == pytest.approx(
        computed_step(network.couplings, activation, generator=rng()), rel=1e-9
    )
    assert found.safe
    assert found.step == found.computed_step
    (rule,) = (each for each in found.soft_rules if each.orders == (2,))
    assert rule.spectrum is not None
    assert rule.spectrum.lowest == pytest.approx(float(values[0]), abs=1e-10)  # it is all of Q
    assert rule.sensitivity == pytest.approx(float(vectors[:, 0] @ matrix @ vectors[:, 0]), 1e-9)
    assert [each.name for each in found.soft_rules] == [term.name for term in terms]
    assert [each.instances for each in found.soft_rules] == [len(term.weights) for term in terms]
    assert found.soft_rules[2].spectrum is None
    assert found.soft_rules[2].weights == (
        float(terms[2].weights.min()),
        float(terms[2].weights.max()),
    )


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), grouped=st.booleans())
def test_energies_of_relaxed_and_of_all_hard_states_lie_in_the_bounds(
    seed: int, grouped: bool
) -> None:
    grid = random_grid(seed, grouped, most=8)
    network = HopfieldNetwork(grid, random_terms(grid, seed), dtype=torch.float64)
    least, most = diagnose(network, generator=rng()).energy
    width = network.discrete_grid.symbols
    every = itertools.product(range(width), repeat=network.discrete_grid.slots)
    hard = network.energy(network.states(torch.tensor(list(every))))
    drawn = torch.randn(200, grid.slots, grid.symbols, generator=rng(seed), dtype=torch.float64)
    soft = network.energy(drawn.mul(3).softmax(2) if grouped else drawn.mul(3).sigmoid())
    for energies in (hard, soft):
        assert least <= float(energies.min()) + 1e-9
        assert most >= float(energies.max()) - 1e-9


def test_the_energy_of_queens_is_bounded_by_the_pairs_of_rows() -> None:
    rows = Grid([Axis("row", (0, 1, 2, 3)), Axis("column", (0, 1, 2, 3))], ["column"])
    pairs = [
        [4 * i + a, 4 * j + a] for i, j in itertools.combinations(range(4), 2) for a in range(4)
    ]
    term = CouplingTerm("columns", torch.tensor(pairs), -torch.ones(len(pairs)))
    # All in one column: each of the six pairs of rows clashes once. In four: none does.
    assert diagnose(HopfieldNetwork(rows, [term])).energy == pytest.approx((0, 6))


@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), grouped=st.booleans())
def test_a_rule_at_its_largest_factor_is_safe_and_a_hundredth_above_is_not(
    seed: int, grouped: bool
) -> None:
    grid = random_grid(seed, grouped)
    terms = pair_terms(grid, seed)
    network = HopfieldNetwork(grid, terms, dtype=torch.float64)
    activation: Activation = Softmax(0.3) if grouped else Sigmoid(5.0)
    found = diagnose(network, activation, generator=rng())

    def bound(index: int, factor: float) -> float:
        scaled = [dense(grid, [term], grouped) for term in terms]
        scaled[index] = factor * scaled[index]
        lowest = float(torch.linalg.eigvalsh(torch.stack(scaled).sum(0))[0])
        return safe_step(lowest, activation.slope, margin=1)

    for index, rule in enumerate(found.soft_rules):
        assert rule.largest_factor is not None
        assert rule.largest_factor >= 1  # the computed step has a margin
        if math.isfinite(rule.largest_factor):
            assert bound(index, rule.largest_factor) >= found.step * (1 - 1e-9)
            assert bound(index, 1.01 * rule.largest_factor) < found.step
        else:
            assert bound(index, 1e6) >= found.step


def test_a_step_that_is_too_long_is_not_safe_and_rules_are_told_to_shrink() -> None:
    grid = Grid([Axis("bit", (0, 1))])
    strong = CouplingTerm("strong", torch.tensor([[0, 1]]), torch.tensor([-8.0]))
    network = HopfieldNetwork(grid, [strong])
    # The eigenvalues are -8 and 8, the slope 5/2: the bound is 2 / (1 + 20).
    assert diagnose(network).computed_step == pytest.approx(0.9 * 2 / 21)
    assert diagnose(network, step=2 / 21 - 1e-6).safe
    beyond = diagnose(network, step=0.2)
    assert not beyond.safe
    # At a step of 0.2 the lowest eigenvalue may be -(2/0.2 - 1) / 2.5 = -3.6.
    assert beyond.soft_rules[0].largest_factor == pytest.approx(3.6 / 8, rel=2e-3)
    overshooting = diagnose(network, step=1.5)
    assert not overshooting.safe
    assert math.isnan(overshooting.soft_rules[0].largest_factor or 0)
    with pytest.raises(ConfigurationError, match="step must be positive"):
        diagnose(network, step=0.0)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_above_the_temperatures_mean_field_has_one_fixed_point(seed: int) -> None:
    grid = random_grid(seed, grouped=True)
    terms = [*random_terms(grid, seed, highest=1), *pair_terms(grid, seed)]
    network = HopfieldNetwork(grid, terms, dtype=torch.float64)
    found = diagnose(network, generator=rng()).discrete
    searched = Couplings(grid, network.discrete_terms, torch.float64)
    p = projection(grid)
    values = torch.linalg.eigvalsh(p @ searched.dense() @ p)
    assert found.lowest == pytest.approx(float(values[0]), abs=1e-10)
    assert found.contraction_temperature >= found.unique_temperature
    temperature = 2 * found.contraction_temperature + 0.1
    active = torch.rand(8, grid.slots, grid.symbols, generator=rng(seed), dtype=torch.float64)
    for _ in range(60):  # the distance halves each time, or more
        active = (searched.field(active) / temperature).softmax(2)
    # 2^-60 is below rounding.
    torch.testing.assert_close(active, active[:1].expand_as(active), rtol=0, atol=1e-10)


def test_hard_rules_and_structure_are_counted() -> None:
    grid = Grid([Axis("v", (0, 1, 2)), Axis("k", (0, 1, 2))], ["k"])
    edges = [(0, 1), (1, 2), (0, 2)]
    pairs = torch.tensor([[3 * g + k, 3 * h + k] for g, h in edges for k in range(3)])
    differ = CouplingTerm("differ", pairs, torch.ones(9), hard=True)
    given = CouplingTerm("given", torch.tensor([[1], [2], [5]]), torch.ones(3), hard=True)
    found = diagnose(HopfieldNetwork(grid, [differ, given]), generator=rng())
    assert [(rule.name, rule.instances, rule.ruled_out) for rule in found.hard_rules] == [
        ("differ", 9, 0),
        ("given", 3, 3),
    ]
    assert found.soft_rules == ()
    # Together they leave one symbol to each slot.
    assert (found.structure.symbols, found.structure.ruled_out) == (9, 6)
    assert not found.structure.forest
    assert found.structure.colours == 3
    assert found.structure.blocks == {}
    assert sum(found.structure.discrete_blocks.values()) == 1
    chain = CouplingTerm("differ", pairs[:6], torch.ones(6), hard=True)
    assert diagnose(HopfieldNetwork(grid, [chain])).structure.forest


def test_orders_above_two_are_counted_and_bounded() -> None:
    grid = Grid([Axis("bit", (0, 1, 2))])
    triple = CouplingTerm("abc", torch.tensor([[0, 1, 2]]), torch.tensor([-4.0]))
    found = diagnose(HopfieldNetwork(grid, [triple]))
    assert found.soft_rules[0].orders == (3,)
    assert found.soft_rules[0].largest_factor is None
    # The second derivative has -4 times the third neuron: rows sum to 8 at most.
    assert found.spectrum.curvature == pytest.approx(8)
    assert found.spectrum.lower == pytest.approx(-8)
    assert found.energy == pytest.approx((0, 4))
    assert not found.structure.forest
