"""The distribution of trees by its edges: exact draws, exact probabilities, Hebb's rule."""

import pytest
import torch
from torch import Tensor

from esr.equations import STANDARD, PrimitiveSet
from esr.hopfield import ForestDistribution, RootedForest
from esr.search.chains.alphabet import Alphabet
from esr.search.chains.draws import Draws
from esr.search.chains.edges import EdgePotentials
from esr.search.chains.heap import Heap, Programs
from esr.search.chains.mutations import Mutations
from esr.spelling import HeapTree

DEPTH = 3


def potentials_of() -> EdgePotentials:
    alphabet = Alphabet(PrimitiveSet((STANDARD["sin"],)), ("x",))
    return EdgePotentials(alphabet, Heap(DEPTH))


def forest_of(potentials: EdgePotentials) -> ForestDistribution:
    """The same distribution as a network of couplings on the edges of the heap."""
    tables = potentials.tables
    slots, size = 2**DEPTH - 1, tables.shape[2]
    fields = torch.zeros(slots, size, dtype=torch.float64)
    fields[0] = tables[0, 0, 0].log()
    slot = torch.arange(1, slots)
    level = (slot + 1).double().log2().floor().long()
    couplings = tables[level, (slot + 1) % 2].log()
    return ForestDistribution(RootedForest.heap(slots), fields, couplings)


def test_it_is_a_boltzmann_distribution_of_coupled_edges(draws: Draws) -> None:
    potentials = potentials_of()
    forest = forest_of(potentials)
    torch.testing.assert_close(
        forest.log_partition(), torch.zeros(1, dtype=torch.float64), rtol=0, atol=1e-12
    )
    drawn = potentials.draw(500, draws)
    torch.testing.assert_close(
        potentials.log_probability(drawn), forest.log_probability(drawn), rtol=1e-12, atol=0
    )


def test_draws_are_valid_trees_of_the_right_frequencies(draws: Draws) -> None:
    potentials = potentials_of()
    alphabet = Alphabet(PrimitiveSet((STANDARD["sin"],)), ("x",))
    tree = HeapTree(alphabet.functions, ("x",), (1.0,), DEPTH)
    count = 20_000
    drawn = potentials.draw(count, draws)
    assert bool(tree.valid(drawn).all())
    distinct, counts = drawn.unique(dim=0, return_counts=True)  # type: ignore[no-untyped-call]
    expected = potentials.log_probability(distinct).exp() * count
    common = expected > 50
    # five standard deviations of a binomial count
    assert bool(((counts - expected).abs() < 5 * expected.sqrt())[common].all())
    assert int(common.sum()) > 10


def test_redrawn_subtrees_follow_the_conditional(draws: Draws) -> None:
    potentials = potentials_of()
    start = potentials.draw(1, draws).expand(20_000, -1)
    while int(start[0, 2]) == 0:
        start = potentials.draw(1, draws).expand(20_000, -1)
    slots = torch.full((20_000,), 2)
    drawn = potentials.redraw(start, slots, draws)
    outside = [0, 1, 3, 4]
    assert torch.equal(drawn[:, outside], start[:, outside])
    distinct, counts = drawn.unique(dim=0, return_counts=True)  # type: ignore[no-untyped-call]
    there = torch.full((len(distinct),), 2)
    expected = potentials.subtree_log_probability(distinct, there).exp() * len(drawn)
    common = expected > 50
    assert bool(((counts - expected).abs() < 5 * expected.sqrt())[common].all())


def test_redrawing_with_hastings_factor_samples_the_prior_times_boltzmanns_weight(
    draws: Draws,
) -> None:
    alphabet, heap = Alphabet(PrimitiveSet((STANDARD["sin"],)), ("x",)), Heap(2)
    potentials = EdgePotentials(alphabet, heap)
    mutations = Mutations(alphabet, heap, potentials, draws)

    def energy(symbols: Tensor) -> Tensor:
        return 0.7 * (symbols > 0).sum(1) + 0.9 * (symbols[:, 0] == 2)

    chains = 4000
    state = Programs(potentials.draw(chains, draws), torch.ones(chains, 3, dtype=torch.float64))
    for _ in range(25):
        changed, hastings = mutations.redrawn(state)
        gain = energy(state.symbols) - energy(changed.symbols) + hastings
        state = state.replaced(draws.uniform(chains).log() < gain, changed)
    every = potentials.draw(20_000, draws).unique(dim=0)  # type: ignore[no-untyped-call]
    weight = (potentials.log_probability(every) - energy(every)).exp()
    expected = chains * weight / weight.sum()
    met, counts = state.symbols.unique(dim=0, return_counts=True)  # type: ignore[no-untyped-call]
    met_counts = dict(zip(map(tuple, met.tolist()), counts.tolist(), strict=True))
    found = torch.tensor([met_counts.get(tuple(row), 0) for row in every.tolist()])
    common = expected > 30
    assert int(common.sum()) > 10
    assert bool(((found - expected).abs() < 5 * expected.sqrt())[common].all())


def test_elites_teach_by_hebbs_rule() -> None:
    alphabet = Alphabet(PrimitiveSet((STANDARD["sin"],)), ("x",))
    potentials = potentials_of()
    before = potentials.tables.clone()
    add, sin, x = alphabet.symbol("add"), alphabet.symbol("sin"), 1
    elites = torch.tensor([[add, x, add, 0, 0, x, x], [add, sin, x, x, 0, 0, 0]])
    potentials.learn_(elites, 0.25)
    learned = potentials.tables
    # on the left below a sum: x and sin at level 1, x at level 2; half of it is level 1 alone,
    # and 0.3 of all stays as at first
    told = 0.7 * (0.5 * (1 / 2) + 0.5 * (2 / 3)) + 0.3 * float(before[1, 0, add, x])
    expected = 0.75 * float(before[1, 0, add, x]) + 0.25 * told
    assert float(learned[1, 0, add, x]) == pytest.approx(expected, rel=1e-12)
    sums = learned.sum(-1)
    torch.testing.assert_close(sums[sums > 0], torch.ones_like(sums[sums > 0]))
    assert bool(((learned > 0) == (before > 0)).all())
    unseen = alphabet.symbol("mul")
    assert torch.equal(learned[1, :, unseen], before[1, :, unseen])


def test_correlations_are_counts_of_edges() -> None:
    potentials = potentials_of()
    alphabet = Alphabet(PrimitiveSet((STANDARD["sin"],)), ("x",))
    add, x = alphabet.symbol("add"), 1
    tree = torch.tensor([[add, x, add, 0, 0, x, x]])
    counts = potentials.correlations(tree)
    assert counts[0, 0, 0, add] == 1
    assert counts[1, 0, add, x] == 1
    assert counts[1, 1, add, add] == 1
    assert counts[2, 1, add, x] == 1
    assert counts[2, 0, x, 0] == 1


def test_repeated_learning_makes_elites_likely(draws: Draws) -> None:
    potentials = potentials_of()
    elite = potentials.draw(1, draws)
    before = potentials.log_probability(elite)
    for _ in range(30):
        potentials.learn_(elite, 0.2)
    assert float(potentials.log_probability(elite) - before) > 1
