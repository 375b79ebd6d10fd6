"""Every claim of exactness is checked against the sum over all states of small forests."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield.exact.forest import ForestDistribution
from esr.hopfield.exact.rooted import RootedForest

SYMBOLS = 3
# Sums of at most 3**5 terms in float64.
EXACT = {"rtol": 1e-10, "atol": 1e-12}


def random_forest(seed: int, slots: int, dead: float) -> tuple[RootedForest, Tensor, Tensor]:
    """A forest in random order and orientation, with fields (2, G, S) and some -inf."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(slots, generator=generator).tolist()
    pairs = []
    for place in range(1, slots):
        parent = int(torch.randint(-1, place, (1,), generator=generator))
        if parent >= 0:
            ends = [order[parent], order[place]]
            pairs.append(ends if torch.rand(1, generator=generator) < 0.5 else ends[::-1])
    edges = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
    shape = (2, slots, SYMBOLS)
    fields = 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    couplings = 2 * torch.randn(
        (len(edges), SYMBOLS, SYMBOLS), generator=generator, dtype=torch.float64
    )
    for values in (fields, couplings):
        values[torch.rand(values.shape, generator=generator) < dead] = -torch.inf
    return RootedForest(slots, edges), fields, couplings


def all_states(slots: int) -> Tensor:
    return torch.tensor(list(itertools.product(range(SYMBOLS), repeat=slots)))


def potentials(forest: RootedForest, fields: Tensor, couplings: Tensor) -> Tensor:
    """Minus the energies of all states of each replica, `(R, n)`, by definition."""
    states = all_states(forest.slots)
    total = fields.new_zeros(len(fields), len(states))
    for g in range(forest.slots):
        total = total + fields[:, g, states[:, g]]
    for e, (g, h) in enumerate(forest.edges.tolist()):
        total = total + couplings[e, states[:, g], states[:, h]]
    return total


forests = st.tuples(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([0.0, 0.15, 0.3]))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(forests)
def test_partition_marginals_and_mode_equal_brute_force(drawn: tuple[int, int, float]) -> None:
    forest, fields, couplings = random_forest(*drawn)
    temperature = torch.tensor([0.5, 2.0], dtype=torch.float64)
    potential = potentials(forest, fields, couplings)
    if (potential.amax(1) == -torch.inf).any():
        with pytest.raises(ConfigurationError, match="rules conflict"):
            ForestDistribution(forest, fields, couplings, temperature)
        return
    exact = ForestDistribution(forest, fields, couplings, temperature)
    scaled = potential / temperature[:, None]
    torch.testing.assert_close(exact.log_partition(), scaled.logsumexp(1), **EXACT)
    probability = scaled.softmax(1)  # (R, n)
    ones = torch.nn.functional.one_hot(all_states(forest.slots), SYMBOLS).double()  # (n, G, S)
    singles = torch.einsum("rn,ngs->rgs", probability, ones)
    torch.testing.assert_close(exact.marginals(), singles, **EXACT)
    first, second = ones[:, forest.edges[:, 0]], ones[:, forest.edges[:, 1]]
    pairs = torch.einsum("rn,nes,net->rest", probability, first, second)
    torch.testing.assert_close(exact.pair_marginals(), pairs, **EXACT)
    symbols, energy = exact.mode()
    torch.testing.assert_close(energy, -potential.amax(1), **EXACT)
    torch.testing.assert_close(exact.energy(symbols), energy, **EXACT)
    torch.testing.assert_close(
        exact.log_probability(symbols), scaled.log_softmax(1).amax(1), **EXACT
    )


@settings(max_examples=10, deadline=None, derandomize=True)
@given(forests)
def test_gradients_of_the_log_partition_are_the_marginals(drawn: tuple[int, int, float]) -> None:
    forest, fields, couplings = random_forest(*drawn)
    fields.requires_grad_()
    couplings.requires_grad_()
    try:
        exact = ForestDistribution(forest, fields, couplings, temperature=0.7)
    except ConfigurationError:
        return
    slopes = torch.autograd.grad(
        exact.log_partition().sum(), [fields, couplings], materialize_grads=True
    )
    torch.testing.assert_close(slopes[0] * 0.7, exact.marginals(), **EXACT)
    torch.testing.assert_close(slopes[1] * 0.7, exact.pair_marginals().sum(0), **EXACT)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_draws_have_the_frequencies_of_the_distribution(seed: int) -> None:
    forest, fields, couplings = random_forest(seed, 4, 0.15)
    exact = ForestDistribution(forest, fields[0], couplings)
    probability = potentials(forest, fields[:1], couplings).softmax(1)[0]
    count = 20_000
    draws = exact.sample(count, generator=torch.Generator().manual_seed(seed))
    code = (draws * SYMBOLS ** torch.arange(3, -1, -1)).sum(1)
    found = torch.bincount(code, minlength=len(probability)) / count
    assert (found[probability == 0] == 0).all()
    deviation = (probability * (1 - probability) / count).sqrt()
    # Five standard deviations: of 81 counts, one exceeds them once in 20,000 seeds.
    assert ((found - probability).abs() <= 5 * deviation + 1 / count).all()


def test_replicas_draw_from_their_own_distributions() -> None:
    forest, fields, couplings = random_forest(5, 4, 0.0)
    many = fields.repeat_interleave(10_000, 0)
    exact = ForestDistribution(forest, fields, couplings)
    draws = ForestDistribution(forest, many, couplings).sample(
        generator=torch.Generator().manual_seed(0)
    )
    ones = torch.nn.functional.one_hot(draws, SYMBOLS).double().reshape(2, 10_000, 4, SYMBOLS)
    # A frequency of 10,000 draws deviates by at most 0.005; four times that.
    torch.testing.assert_close(ones.mean(1), exact.marginals(), rtol=0, atol=0.02)
    with pytest.raises(ConfigurationError, match="2 replicas draw one state each"):
        exact.sample(3)


def test_redrawn_subtrees_keep_the_rest_and_follow_the_conditional() -> None:
    heap = RootedForest.heap(5)
    generator = torch.Generator().manual_seed(0)
    fields = torch.randn(5, SYMBOLS, generator=generator, dtype=torch.float64)
    couplings = torch.randn(4, SYMBOLS, SYMBOLS, generator=generator, dtype=torch.float64)
    exact = ForestDistribution(heap, fields, couplings)
    start = torch.tensor([2, 1, 0, 1, 2]).expand(20_000, -1)
    slots = torch.ones(20_000, dtype=torch.long)  # slot 1 with its children 3 and 4
    drawn = exact.resample_subtree(start, slots, generator=generator)
    assert (drawn[:, [0, 2]] == start[:, [0, 2]]).all()
    states = all_states(5)
    same = ((states[:, 0] == 2) & (states[:, 2] == 0)).double()
    probability = potentials(heap, fields[None], couplings)[0].softmax(0) * same
    ones = torch.nn.functional.one_hot(states, SYMBOLS).double()
    wanted = torch.einsum("n,ngs->gs", probability / probability.sum(), ones)
    found = torch.nn.functional.one_hot(drawn, SYMBOLS).double().mean(0)
    # A frequency of 20,000 draws deviates by at most 0.0036; four times that.
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.015)


def test_redrawing_from_every_root_is_a_fresh_draw_and_a_dead_end_stays() -> None:
    chain = RootedForest.chain(3)
    couplings = torch.zeros(2, 2, 2)
    couplings[:, 0, :] = -torch.inf  # nothing may follow symbol 0
    exact = ForestDistribution(chain, torch.zeros(3, 2), couplings)
    start = torch.tensor([[0, 0, 0], [0, 0, 0]])
    drawn = exact.resample_subtree(start, torch.tensor([0, 1]))
    assert drawn[0, :2].tolist() == [1, 1]
    assert drawn[1].tolist() == [0, 0, 0]


def test_same_seed_draws_the_same() -> None:
    forest, fields, couplings = random_forest(2, 4, 0.1)
    exact = ForestDistribution(forest, fields[0], couplings)
    draws = [exact.sample(50, generator=torch.Generator().manual_seed(3)) for _ in range(2)]
    assert (draws[0] == draws[1]).all()


def test_extreme_potentials_stay_finite() -> None:
    chain = RootedForest.chain(50)
    couplings = torch.full((49, 2, 2), -1e4)
    couplings[:, 0, 1] = couplings[:, 1, 0] = 1e4
    exact = ForestDistribution(chain, torch.zeros(50, 2), couplings, temperature=0.01)
    assert exact.log_partition().isfinite().all()
    draws = exact.sample(20, generator=torch.Generator().manual_seed(0))
    assert (draws[:, 1:] != draws[:, :-1]).all()
    torch.testing.assert_close(exact.marginals(), torch.full((1, 50, 2), 0.5))


def test_conflicting_rules_are_named() -> None:
    chain = RootedForest.chain(4)
    fields, couplings = torch.zeros(4, 2), torch.zeros(3, 2, 2)
    couplings[1] = -torch.inf
    with pytest.raises(ConfigurationError, match=r"symbol of slot 1 .* across the edges 1-2;"):
        ForestDistribution(chain, fields, couplings)
    fields = fields.repeat(3, 1, 1)
    fields[2, 3] = -torch.inf
    with pytest.raises(
        ConfigurationError, match=r"slot 3 has every symbol forbidden by itself \(replica 2\)"
    ):
        ForestDistribution(chain, fields, torch.zeros(3, 2, 2))


def test_wrong_arguments_are_refused() -> None:
    chain = RootedForest.chain(3)
    fields, couplings = torch.zeros(3, 2), torch.zeros(2, 2, 2)
    with pytest.raises(ConfigurationError, match=r"3 slots and 2 edges .*\(1, 2, 2\)"):
        ForestDistribution(chain, fields, couplings[:1])
    with pytest.raises(ConfigurationError, match="temperature must be positive"):
        ForestDistribution(chain, fields, couplings, temperature=0.0)
    with pytest.raises(ConfigurationError, match="fields must be finite or -inf"):
        ForestDistribution(chain, fields * torch.nan, couplings)
    with pytest.raises(ConfigurationError, match="one for each of 2 replicas"):
        ForestDistribution(chain, fields.repeat(2, 1, 1), couplings, torch.ones(3))
