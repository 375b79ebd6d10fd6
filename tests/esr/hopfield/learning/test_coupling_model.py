import pytest
import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError, DataError
from esr.hopfield.exact.pairwise import PairwiseNetwork
from esr.hopfield.learning import CouplingModel, HardZeros, Wiring, plain_gauge
from esr.hopfield.learning.wiring import count_examples
from esr.optim import HebbianOptimizer

R, G, S = 3, 4, 3
TREE = Wiring(torch.tensor([[1, 0], [1, 2], [3, 1]]), torch.arange(4), torch.tensor([0, 1, 0]))
EXAMPLES = torch.tensor([[0, 1, 2, 1], [0, 1, 1, 1], [1, 1, 0, 0], [0, 2, 2, 1]])


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def made(
    samples: int = 50, spread: float = 1.0, seed: int = 0, **more: HardZeros
) -> CouplingModel:
    model = CouplingModel(TREE, S, R, samples, spread, generator=seeded(seed), **more)
    return model.double()


def gradients(model: CouplingModel) -> tuple[Tensor, Tensor]:
    fields, couplings = model.fields.grad, model.couplings.grad
    assert fields is not None
    assert couplings is not None
    return fields, couplings


def test_the_gradient_is_the_difference_of_correlations() -> None:
    model = made()
    model.energy(EXAMPLES, generator=seeded(1)).total().backward()
    samples = model.sample(50, generator=seeded(1))  # (R, 50, G)
    data = count_examples(EXAMPLES, S, TREE)
    for replica in range(R):
        found = count_examples(samples[replica], S, TREE)
        singles = found.singles / found.number - data.singles / data.number
        pairs = found.pairs / found.number - data.pairs / data.number
        wanted = TREE.pooled(singles, pairs)
        for gradient, expected in zip(gradients(model), wanted, strict=True):
            torch.testing.assert_close(gradient[replica], expected)


def test_the_energy_is_the_contrast_of_mean_energies() -> None:
    model = made()
    energy = model.energy(EXAMPLES, generator=seeded(1))
    samples = model.sample(50, generator=seeded(1))
    for replica in range(R):
        network = model.network(replica)
        contrast = network.energy(EXAMPLES).mean() - network.energy(samples[replica]).mean()
        torch.testing.assert_close(energy.data[replica], contrast)
    assert not energy.structure.any()


def test_in_expectation_the_gradient_is_that_of_the_likelihood() -> None:
    count = 20_000
    model = made(count)
    model.energy(EXAMPLES, generator=seeded(1)).total().backward()
    estimated = gradients(model)
    model.zero_grad()
    exact = torch.autograd.grad(
        model.negative_log_likelihood(EXAMPLES).sum(), [model.fields, model.couplings]
    )
    for estimate, slope in zip(estimated, exact, strict=True):
        # a count in a sample has a variance below 1 (at most two edges share), of 20,000: 0.007
        torch.testing.assert_close(estimate, slope, rtol=0, atol=5 * 0.0071)


def test_the_likelihood_of_all_states_adds_up_to_one() -> None:
    model = made()
    states = torch.cartesian_prod(*(torch.arange(S) for _ in range(G)))
    each = torch.stack([model.negative_log_likelihood(state[None]) for state in states])
    torch.testing.assert_close(each.neg().exp().sum(0), torch.ones(R, dtype=torch.double))
    forest = model.network(1).forest()
    torch.testing.assert_close(each[:, 1], -forest.log_probability(states))


def test_its_slope_is_what_the_exact_marginals_lack() -> None:
    model = made()
    slopes = torch.autograd.grad(
        model.negative_log_likelihood(EXAMPLES).sum(), [model.fields, model.couplings]
    )
    data = count_examples(EXAMPLES, S, TREE)
    for replica in range(R):
        forest = model.network(replica).forest()
        wanted = TREE.pooled(
            forest.marginals()[0] - data.singles / data.number,
            forest.pair_marginals()[0] - data.pairs / data.number,
        )
        for slope, expected in zip(slopes, wanted, strict=True):
            torch.testing.assert_close(slope[replica], expected)


def test_replicas_are_independent() -> None:
    model = made()
    assert all(parameter.shape[0] == R for parameter in model.parameters())
    model.energy(EXAMPLES, generator=seeded(1)).per_replica()[1].backward()
    for gradient in gradients(model):
        assert not gradient[[0, 2]].any()
        assert gradient[1].any()
    before = model.negative_log_likelihood(EXAMPLES)
    which = torch.tensor([False, True, False])
    model.reset_replicas(which, generator=seeded(2))
    after = model.negative_log_likelihood(EXAMPLES)
    assert torch.equal(before[~which], after[~which])
    assert before[1] != after[1]


def test_a_hebbian_step_is_the_contrast_less_what_is_forgotten() -> None:
    model = made()
    before = model.couplings.detach().clone()
    optimizer = HebbianOptimizer(model.parameters(), lr=0.5, leak=0.1)
    model.energy(EXAMPLES, generator=seeded(1)).total().backward()
    _, gradient = gradients(model)
    optimizer.step()
    torch.testing.assert_close(model.couplings.detach(), 0.95 * before - 0.5 * gradient)


def test_pruning_forbids_what_examples_lack_and_the_model_rarely_makes() -> None:
    model = made()
    model.prune(9.0)
    assert not model.forbidden_fields.any()  # no examples have been seen
    model.energy(EXAMPLES, generator=seeded(1))
    counts = count_examples(EXAMPLES, S, TREE)
    missing = HardZeros().forbidden(counts, TREE)
    which = torch.tensor([True, False, True])
    soft = model.network(0)
    model.prune(9.0, which)
    masks = (model.forbidden_fields, model.forbidden_couplings)
    for mask, dead in zip(masks, missing, strict=True):
        assert torch.equal(mask[0], dead)
        assert not mask[1].any()
    network = model.network(0)
    assert network.allows(EXAMPLES).all()
    assert not network.allows(torch.tensor([[2, 1, 2, 1]])).any()
    bare = model.network(0, hard=False)
    assert torch.equal(bare.couplings, soft.couplings)
    samples = model.sample(200, generator=seeded(3))
    assert network.allows(samples[0]).all()
    assert model.negative_log_likelihood(torch.tensor([[2, 1, 2, 1]])).isfinite().tolist() == [
        False,
        True,
        False,
    ]
    energy = model.energy(torch.tensor([[2, 1, 2, 1]]), generator=seeded(3))
    assert energy.total().isfinite()
    model.reset_replicas(which)
    assert not any(mask.any() for mask in masks)


def test_what_the_model_makes_often_is_not_pruned() -> None:
    model = made(spread=0.0)  # all states alike: each symbol in a third of the slots
    model.energy(EXAMPLES)
    model.prune(0.2)
    assert not model.forbidden_fields.any()
    assert model.forbidden_couplings[:, 1].any()  # a pair on the edge of its own kind: 1/9
    assert not model.forbidden_couplings[:, 0].any()  # on two edges: 2/9


def test_the_state_holds_what_pruning_needs() -> None:
    model, other = made(), made(seed=5)
    model.energy(EXAMPLES, generator=seeded(1))
    other.load_state_dict(model.state_dict())
    for each in (model, other):
        each.prune(9.0)
    assert torch.equal(model.forbidden_couplings, other.forbidden_couplings)
    assert torch.equal(model.sample(5, generator=seeded(1)), other.sample(5, generator=seeded(1)))


def test_what_cannot_be_learnt_is_refused() -> None:
    ring = Wiring.tied(3, torch.tensor([[0, 1], [1, 2], [2, 0]]))
    with pytest.raises(ConfigurationError, match="close a cycle"):
        CouplingModel(ring, S, R)
    with pytest.raises(ConfigurationError, match="at least 1"):
        CouplingModel(TREE, S, R, samples=0)
    with pytest.raises(DataError, match=r"\(n, 4\)"):
        made().energy(EXAMPLES[:, :3])
    with pytest.raises(DataError, match="symbols 0 to 2"):
        made().energy(EXAMPLES + 2)


def test_a_plain_gauge_keeps_energies_and_ties_and_empties_what_does_not_interact() -> None:
    model = made()
    model.energy(EXAMPLES)
    model.prune(9.0)
    network = model.network(0)
    plain = plain_gauge(network)
    states = torch.cartesian_prod(*(torch.arange(S) for _ in range(G)))
    before, after = network.energy(states), plain.energy(states)
    assert torch.equal(before.isfinite(), after.isfinite())
    shift = (before - after)[before.isfinite()]
    torch.testing.assert_close(shift, shift[:1].expand_as(shift))
    assert torch.equal(plain.couplings[0], plain.couplings[2])
    row, column = torch.randn(2, S, generator=seeded(0), dtype=torch.double)
    alone = PairwiseNetwork(
        torch.zeros(2, S, dtype=torch.double),
        torch.tensor([[0, 1]]),
        (row[:, None] + column)[None],
    )
    couplings = plain_gauge(alone).couplings
    torch.testing.assert_close(couplings, torch.zeros_like(couplings))
