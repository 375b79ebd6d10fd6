import itertools

import pytest
import torch
from torch import Tensor

from esr.hopfield.exact.pairwise import PairwiseNetwork, forest_of, pairwise_of
from esr.hopfield.grid import Axis, Grid
from esr.hopfield.term import CouplingTerm

GRID = Grid([Axis("pos", (0, 1, 2)), Axis("sym", ("a", "b"))], one_of=["sym"])


def term(instances: list[list[int]], weights: list[float], hard: bool = False) -> CouplingTerm:
    values = torch.tensor(weights, dtype=torch.float64)
    return CouplingTerm("t", torch.tensor(instances), values, hard)


def states() -> Tensor:
    return torch.tensor(list(itertools.product(range(2), repeat=3)))


def energy_of_terms(terms: list[CouplingTerm], symbols: Tensor) -> Tensor:
    """Energy by the definition of a term: products of neurons, forbidden ones infinite."""
    on = GRID.one_hot(symbols, torch.float64).flatten(1)
    total = torch.zeros(len(symbols), dtype=torch.float64)
    for each in terms:
        product = on[:, each.neurons].prod(2)
        total = total - product @ each.weights if not each.hard else total
        broken = (product.sum(1) > 0) & each.hard
        total = torch.where(broken, torch.inf, total)
    return total


TERMS = [
    term([[0], [3], [3]], [0.5, -1.0, 0.25]),
    term([[0, 2], [2, 0], [1, 1], [4, 5], [5, 2]], [1.0, 2.0, 4.0, 8.0, -3.0]),
    term([[1, 3], [3, 1]], [1.0, 1.0], hard=True),
    term([[0, 1], [4, 4]], [1.0, 1.0], hard=True),
    term([[0, 0, 2], [2, 3, 5], [5, 5, 5]], [0.125, 100.0, 0.0625]),
]


def test_network_has_the_energy_of_its_terms() -> None:
    network = pairwise_of(GRID, TERMS)
    assert network is not None
    assert network.edges.tolist() == [[0, 1], [1, 2]]
    wanted = energy_of_terms(TERMS, states())
    torch.testing.assert_close(network.energy(states()), wanted, rtol=0, atol=0)  # dyadic
    assert (network.allows(states()) == (wanted < torch.inf)).all()


def test_network_written_as_terms_and_read_back_is_the_same() -> None:
    network = pairwise_of(GRID, TERMS)
    assert network is not None
    again = pairwise_of(GRID, network.terms("rule"))
    assert again is not None
    for name in ("fields", "edges", "couplings"):
        assert torch.equal(getattr(again, name), getattr(network, name))
    assert [each.name for each in network.terms("rule")] == [
        "rule_forbidden_symbols",
        "rule_fields",
        "rule_forbidden_pairs",
        "rule_couplings",
    ]


def test_distribution_of_terms_has_their_mode_and_gradients_reach_weights() -> None:
    weights = torch.tensor([1.0, -0.5], dtype=torch.float64, requires_grad=True)
    soft = CouplingTerm("soft", torch.tensor([[0, 2], [1, 5]]), weights)
    bias = torch.zeros(2, 3, 2, dtype=torch.float64)
    bias[1, 0, 1] = 3.0
    exact = forest_of(GRID, [soft], bias=bias, temperature=2.0)
    assert exact is not None
    symbols, energy = exact.mode()
    assert symbols[0, :2].tolist() == [0, 0]
    assert energy.tolist() == [-1.0, -3.0]
    (slope,) = torch.autograd.grad(exact.log_partition()[0], weights)
    pairs = exact.pair_marginals()[0, [0, 1], [0, 1], [0, 1]]
    torch.testing.assert_close(slope * 2, pairs)


def test_what_is_no_forest_of_pairs_gives_none() -> None:
    loop = [term([[0, 2], [2, 4], [4, 0]], [1.0, 1.0, 1.0])]
    assert pairwise_of(GRID, loop) is not None
    assert forest_of(GRID, loop) is None
    assert pairwise_of(GRID, [term([[0, 2, 4]], [1.0])]) is None
    free = Grid([Axis("pos", (0, 1, 2)), Axis("sym", ("a", "b"))])
    assert forest_of(free, []) is None


def test_no_terms_leave_every_slot_uniform() -> None:
    exact = forest_of(GRID, [])
    assert exact is not None
    torch.testing.assert_close(exact.marginals(), torch.full((1, 3, 2), 0.5))


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match=r"1 edges need fields \(G, S\)"):
        PairwiseNetwork(torch.zeros(3, 2), torch.tensor([[0, 1]]), torch.zeros(2, 2, 2))
