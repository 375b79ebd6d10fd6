"""Gibbs sampling and searches against sums and minima over all states of small systems."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_rules import random_grid, random_terms
from torch import Tensor

from esr.errors import ConfigurationError, DataError
from esr.hopfield import (
    Annealing,
    Axis,
    Conditionals,
    CouplingTerm,
    GibbsSampler,
    Grid,
    HopfieldNetwork,
    ReplicaExchange,
    multilinear,
)


def every_state(network: HopfieldNetwork) -> Tensor:
    """All discrete states, `(n, G')`."""
    grid = network.discrete_grid
    return torch.tensor(list(itertools.product(range(grid.symbols), repeat=grid.slots)))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), grouped=st.booleans(), highest=st.integers(1, 4))
def test_annealed_ground_state_is_the_brute_force_minimum(
    seed: int, grouped: bool, highest: int
) -> None:
    grid = random_grid(seed, grouped)
    network = HopfieldNetwork(grid, random_terms(grid, seed, highest), dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    solution = Annealing(sweeps=50).solve(network, 96, generator=generator)
    states = every_state(network)
    lowest = network.energy(network.states(states)).min()
    torch.testing.assert_close(solution.energy[solution.best], lowest, rtol=1e-9, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), grouped=st.booleans())
def test_conditionals_are_differences_of_energy(seed: int, grouped: bool) -> None:
    grid = random_grid(seed, grouped)
    network = HopfieldNetwork(grid, random_terms(grid, seed), dtype=torch.float64)
    shape = network.discrete_grid.slots, network.discrete_grid.symbols
    conditionals = Conditionals(network.discrete_grid, network.discrete_terms, dtype=torch.float64)
    states = every_state(network)
    generator = torch.Generator().manual_seed(seed)
    states = states[torch.randperm(len(states), generator=generator)[:6]]
    torch.testing.assert_close(
        conditionals.energy(states), network.energy(network.states(states)), rtol=0, atol=1e-9
    )
    # changed[n, g, s] is state n with symbol s put at slot g.
    changed = states[:, None, None].repeat(1, *shape, 1)
    for slot in range(shape[0]):
        changed[:, slot, :, slot] = torch.arange(shape[1])
    energies = conditionals.energy(changed.flatten(0, 2)).view(len(states), *shape)
    rises = energies - conditionals.energy(states)[:, None, None]
    for group in conditionals.classes:
        field = conditionals.field(states, group)  # (n, C, S)
        held = field.gather(2, states[:, group.slots, None])
        torch.testing.assert_close(held - field, rises[:, group.slots], rtol=0, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), grouped=st.booleans())
def test_energy_never_rises_at_temperature_zero(seed: int, grouped: bool) -> None:
    grid = random_grid(seed, grouped)
    network = HopfieldNetwork(grid, random_terms(grid, seed), dtype=torch.float64)
    conditionals = Conditionals(network.discrete_grid, network.discrete_terms, dtype=torch.float64)
    sampler, generator = GibbsSampler(conditionals), torch.Generator().manual_seed(seed)
    symbols = network.discrete_grid.random_symbols(16, generator=generator)
    for _ in range(5):
        before = conditionals.energy(symbols)
        symbols, rise = sampler.sweep(
            symbols, torch.zeros(16, dtype=torch.float64), generator=generator
        )
        assert bool((rise <= 1e-12).all())
        torch.testing.assert_close(conditionals.energy(symbols) - before, rise, rtol=0, atol=1e-9)


def test_gibbs_samples_the_boltzmann_distribution() -> None:
    grid = random_grid(3, grouped=True, most=8)
    network = HopfieldNetwork(grid, random_terms(grid, 3), dtype=torch.float64)
    states = every_state(network)
    exact = torch.softmax(-network.energy(network.states(states)) / 1.5, 0)
    sampler = GibbsSampler(
        Conditionals(network.discrete_grid, network.discrete_terms, dtype=torch.float64)
    )
    generator = torch.Generator().manual_seed(0)
    count = 10_000
    symbols = network.discrete_grid.random_symbols(count, generator=generator)
    for _ in range(15):
        symbols, _ = sampler.sweep(
            symbols, torch.full((count,), 1.5, dtype=torch.float64), generator=generator
        )
    found = (symbols[:, None] == states).all(2).double().mean(0)
    # The deviation of a frequency p over n draws is sqrt(p (1 - p) / n); five of them.
    assert bool(((found - exact).abs() < 5 * (exact * (1 - exact) / count).sqrt() + 1e-9).all())


def test_replica_exchange_finds_the_ground_state() -> None:
    grid = random_grid(11, grouped=False)
    network = HopfieldNetwork(grid, random_terms(grid, 11), dtype=torch.float64)
    solution = ReplicaExchange(rungs=8, sweeps=60).solve(
        network, 32, generator=torch.Generator().manual_seed(0)
    )
    lowest = network.energy(network.states(every_state(network))).min()
    torch.testing.assert_close(solution.energy[solution.best], lowest, rtol=1e-9, atol=1e-9)


def parity_network() -> HopfieldNetwork:
    """Three free neurons; an odd number of them on is rewarded: third order is needed."""
    grid = Grid([Axis("bit", (0, 1, 2))])
    single = CouplingTerm("one", torch.tensor([[0], [1], [2]]), torch.ones(3))
    pair = CouplingTerm("two", torch.tensor([[0, 1], [0, 2], [1, 2]]), torch.full((3,), -2.0))
    triple = CouplingTerm("three", torch.tensor([[0, 1, 2]]), torch.full((1,), 4.0))
    return HopfieldNetwork(grid, [single, pair, triple])


def test_parity_is_solved_by_third_order_and_by_no_pairwise_energy() -> None:
    network = parity_network()
    solution = Annealing(sweeps=40).solve(network, 64, generator=torch.Generator().manual_seed(0))
    assert bool((solution.symbols.sum(1) % 2 == 1).all())
    # A pairwise energy equal on all odd states and higher on all even ones would be a solution
    # of a linear system in the 7 coefficients 1, b, Q with parity on the right: it has none.
    bits = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)), dtype=torch.float64)
    pairs = torch.stack(
        [bits[:, 0] * bits[:, 1], bits[:, 0] * bits[:, 2], bits[:, 1] * bits[:, 2]]
    )
    design = torch.cat([torch.ones(8, 1, dtype=torch.float64), bits, pairs.T], 1)
    odd = bits.sum(1) % 2
    # The parity vector (+1, -1) is orthogonal to every pairwise energy: the sums over odd and
    # over even states are equal, so no pairwise energy is lower on all odd states.
    torch.testing.assert_close(design.T @ (2 * odd - 1), torch.zeros(7, dtype=torch.float64))


def test_hard_rules_propagate_and_violations_are_counted() -> None:
    grid = Grid([Axis("v", (0, 1, 2)), Axis("k", (0, 1, 2))], ["k"])
    edges = [(0, 1), (1, 2), (0, 2)]
    pairs = torch.tensor([[3 * g + k, 3 * h + k] for g, h in edges for k in range(3)])
    differ = CouplingTerm("differ", pairs, torch.ones(9), hard=True)
    given = CouplingTerm("given", torch.tensor([[1], [2], [5]]), torch.ones(3), hard=True)
    network = HopfieldNetwork(grid, [differ, given])
    # Vertex 0 is colour 0, so 1 may not be 0, and rule "given" takes 2 from it: it is 1, 2 is 2.
    assert network.allowed.tolist() == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
    states = network.states(torch.tensor([[0, 0, 0], [0, 1, 2]]))
    assert network.violations(states).tolist() == [3, 0]
    solution = Annealing(sweeps=5).solve(network, 2, generator=torch.Generator().manual_seed(0))
    assert bool(solution.satisfied.all())
    assert network.explain(0, 3) == ["V[0, 0] and V[1, 0]: forbidden by differ"]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), grouped=st.booleans())
def test_a_broken_hard_rule_is_never_worth_its_price(seed: int, grouped: bool) -> None:
    grid = random_grid(seed, grouped, most=10)
    network = HopfieldNetwork(grid, random_terms(grid, seed), dtype=torch.float64)
    states = every_state(network)
    energy = network.energy(network.states(states))
    width = network.discrete_grid.symbols
    for slot in range(network.discrete_grid.slots):  # all gains by changes of one slot
        kept = states.clone()
        kept[:, slot] = 0
        _, others = torch.unique(kept, dim=0, return_inverse=True)
        table = energy[torch.argsort(others * width + states[:, slot])].view(-1, width)
        gains = table.amax(1) - table.amin(1)
        assert float(gains.max()) < network.price


def test_soft_wishes_do_not_break_a_hard_rule() -> None:
    grid = Grid([Axis("v", (0, 1)), Axis("k", tuple(range(10)))], ["k"])
    wish = CouplingTerm("wish", torch.tensor([[3], [13]]), torch.tensor([5.0, 5.0]))
    differ = CouplingTerm("differ", torch.tensor([[3, 13]]), torch.ones(1), hard=True)
    network = HopfieldNetwork(grid, [wish, differ])
    solution = Annealing(sweeps=50).solve(network, 16, generator=torch.Generator().manual_seed(0))
    assert bool(solution.satisfied.all())
    assert solution.energy.tolist() == [-5.0] * 16


def test_contradicting_hard_rules_are_named() -> None:
    grid = Grid([Axis("v", (0, 1)), Axis("k", (0, 1))], ["k"])
    never = CouplingTerm("never", torch.tensor([[0], [1]]), torch.ones(2), hard=True)
    with pytest.raises(DataError, match=r"contradict.*V\[0, 0\].*never"):
        HopfieldNetwork(grid, [never])


def test_hard_triples_propagate() -> None:
    grid = Grid([Axis("bit", (0, 1, 2)), Axis("on", (0, 1))], ["on"])
    triple = CouplingTerm("triple", torch.tensor([[1, 3, 5]]), torch.ones(1), hard=True)
    forced = CouplingTerm("forced", torch.tensor([[0], [2]]), torch.ones(2), hard=True)
    network = HopfieldNetwork(grid, [triple, forced])
    assert network.allowed.tolist() == [[False, True], [False, True], [True, False]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Annealing(sweeps=0), "at least 1"),
        (lambda: Annealing(high=-1.0), "positive temperature"),
        (lambda: Annealing(high=1.0, low=2.0), "not be above high"),
        (lambda: ReplicaExchange(rungs=1), "at least 2"),
        (lambda: HopfieldNetwork(random_grid(0, True), [], price=0.0), "price"),
        (
            lambda: ReplicaExchange(rungs=4).solve(parity_network(), 6),
            "multiple of rungs=4",
        ),
    ],
)
def test_misuse_is_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()  # type: ignore[operator]


def test_same_seed_same_result_and_watchers_can_stop() -> None:
    grid = random_grid(5, grouped=True)
    network = HopfieldNetwork(grid, random_terms(grid, 5))
    runs = [
        Annealing(sweeps=20).solve(network, 8, generator=torch.Generator().manual_seed(1))
        for _ in range(2)
    ]
    assert torch.equal(runs[0].symbols, runs[1].symbols)
    stopped = Annealing(sweeps=50, watch_every=5).solve(
        network, 8, generator=torch.Generator().manual_seed(1), watcher=lambda seen: True
    )
    assert stopped.sweeps == 5


def test_multilinear_terms_have_the_energy_of_the_vertices() -> None:
    grid = random_grid(9, grouped=False, most=6)
    terms = random_terms(grid, 9)
    bits = torch.tensor(list(itertools.product((0.0, 1.0), repeat=grid.size)))
    states = bits.double().view(-1, grid.slots, grid.symbols)
    network = HopfieldNetwork(grid, terms, dtype=torch.float64)
    flat = HopfieldNetwork(grid, multilinear(grid, terms), dtype=torch.float64)
    torch.testing.assert_close(flat.energy(states), network.energy(states), rtol=0, atol=1e-9)
