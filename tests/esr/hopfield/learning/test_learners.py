import itertools
from functools import partial

import pytest
import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.exact.pairwise import PairwiseNetwork
from esr.hopfield.learning import (
    ContrastiveHebbian,
    HardZeros,
    MaximumLikelihood,
    Phases,
    PseudoLikelihood,
    Wiring,
    local_fields,
)

LOOP = torch.tensor([[0, 1], [1, 2], [2, 0]])
STATES = torch.tensor(list(itertools.product(range(3), repeat=3)))


def random_network(edges: Tensor, slots: int, symbols: int, seed: int) -> PairwiseNetwork:
    generator = torch.Generator().manual_seed(seed)
    fields = torch.randn(slots, symbols, generator=generator, dtype=torch.float64)
    shape = (len(edges), symbols, symbols)
    return PairwiseNetwork(
        fields, edges, torch.randn(shape, generator=generator, dtype=torch.float64)
    )


def law(network: PairwiseNetwork) -> Tensor:
    """Probabilities of all states of three slots with three symbols, by enumeration."""
    return (-network.energy(STATES)).softmax(0)


def population(network: PairwiseNetwork, size: int) -> Tensor:
    """Examples that hold every state as often as expected."""
    return STATES.repeat_interleave((law(network) * size).round().long(), 0)


@pytest.mark.parametrize("pseudo_count", [0.0, 2.0])
def test_forest_of_highest_likelihood_has_the_frequencies_of_the_examples(
    pseudo_count: float,
) -> None:
    edges = torch.tensor([[1, 0], [1, 2], [3, 1]])
    truth = random_network(edges, 5, 3, seed=0)
    examples = truth.forest().sample(200, generator=torch.Generator().manual_seed(1))
    wiring = Wiring.separate(5, edges)
    learnt = MaximumLikelihood(pseudo_count).learn(examples, 3, wiring)
    ones = torch.nn.functional.one_hot(examples, 3).double()
    total = 200 + pseudo_count
    singles = (ones.sum(0) + pseudo_count / 3) / total
    pairs = torch.einsum("nes,net->est", ones[:, edges[:, 0]], ones[:, edges[:, 1]])
    exact = learnt.forest()
    # Closed forms in float64.
    torch.testing.assert_close(exact.marginals()[0], singles, rtol=0, atol=1e-12)
    pairs = (pairs + pseudo_count / 9) / total
    torch.testing.assert_close(exact.pair_marginals()[0], pairs, rtol=0, atol=1e-12)


def test_pseudo_counts_keep_what_is_forbidden_impossible() -> None:
    examples = torch.tensor([[0, 1, 0], [1, 0, 1], [1, 2, 0], [2, 2, 1], [0, 0, 2]] * 20)
    edges = torch.tensor([[0, 1], [1, 2]])
    learner = MaximumLikelihood(3.0, HardZeros(5.0))
    learnt = learner.learn(examples, 3, Wiring.separate(3, edges))
    assert learnt.couplings[0, 1, 1] == -torch.inf
    allowed = torch.where(learnt.couplings == -torch.inf, -torch.inf, 0.0).double()
    base = PairwiseNetwork(torch.zeros(3, 3).double(), edges, allowed)
    ones = torch.nn.functional.one_hot(examples, 3).double()
    wanted = (ones.sum(0) + 3 * base.forest().marginals()[0]) / 103
    torch.testing.assert_close(learnt.forest().marginals()[0], wanted, rtol=0, atol=1e-12)


def test_shared_parameters_meet_the_summed_frequencies() -> None:
    wiring = Wiring(Wiring.chain(6).edges, torch.tensor([0, 1, 1, 1, 1, 2]), torch.zeros(5).long())
    truth = random_network(wiring.edges, 6, 3, seed=2)
    examples = truth.forest().sample(300, generator=torch.Generator().manual_seed(1))
    exact = MaximumLikelihood(1.0).learn(examples, 3, wiring).forest()
    ones = torch.nn.functional.one_hot(examples, 3).double()
    pairs = torch.einsum("nes,net->est", ones[:, :-1], ones[:, 1:])
    found = wiring.pooled(exact.marginals()[0], exact.pair_marginals()[0])
    wanted = wiring.pooled((ones.sum(0) + 1 / 3) / 301, (pairs + 1 / 9) / 301)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-6)  # minimise stops at 1e-6


def test_local_fields_are_energy_differences_in_a_loop() -> None:
    network = random_network(LOOP, 3, 3, seed=3)
    fields = local_fields(network, STATES)
    for slot, symbol in itertools.product(range(3), range(3)):
        changed = STATES.clone()
        changed[:, slot] = symbol
        fall = network.energy(STATES) - network.energy(changed)
        own = fields[:, slot].gather(1, STATES[:, slot, None])[:, 0]
        torch.testing.assert_close(fields[:, slot, symbol] - own, fall, rtol=0, atol=1e-12)


def test_pseudo_likelihood_finds_the_law_of_a_loop() -> None:
    truth = random_network(LOOP, 3, 3, seed=4)
    examples = population(truth, 5_000)
    learnt = PseudoLikelihood(l2=1e-8).learn(examples, 3, Wiring.separate(3, LOOP))
    # Counts are rounded to 1 / 5,000, which the rarest states feel most.
    torch.testing.assert_close(law(learnt), law(truth), rtol=0, atol=1e-3)


def test_contrastive_update_is_the_gradient_of_the_energy_difference() -> None:
    truth = random_network(LOOP, 3, 3, seed=5)
    examples, samples = population(truth, 60), STATES[:7]
    wiring = Wiring(LOOP, torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0]))
    learner = ContrastiveHebbian(
        partial(torch.optim.SGD, lr=1.0), lambda *_: samples, Phases(steps=1, average=1.0)
    )
    learnt = learner.learn(examples, 3, wiring)
    parameters = [torch.zeros(2, 3), torch.zeros(2, 3, 3)]
    parameters = [each.double().requires_grad_() for each in parameters]
    start = wiring.spread(*parameters)
    loss = start.energy(examples).mean() - start.energy(samples).mean()
    slopes = torch.autograd.grad(loss, parameters)
    wanted = wiring.spread(*(-slope for slope in slopes))
    torch.testing.assert_close(learnt.fields, wanted.fields)
    torch.testing.assert_close(learnt.couplings, wanted.couplings)


def test_contrastive_learning_finds_the_law_of_a_loop_with_a_given_sampler() -> None:
    truth = random_network(LOOP, 3, 3, seed=6)

    def enumerated(network: PairwiseNetwork, count: int, generator: Generator | None) -> Tensor:
        return STATES[torch.multinomial(law(network), count, True, generator=generator)]

    learner = ContrastiveHebbian(sampler=enumerated, phases=Phases(steps=200))
    learnt = learner.learn(
        population(truth, 5_000),
        3,
        Wiring.separate(3, LOOP),
        generator=torch.Generator().manual_seed(0),
    )
    # Frequencies of 500 samples deviate by 0.02; averaged over 50 updates, by less.
    torch.testing.assert_close(law(learnt), law(truth), rtol=0, atol=0.02)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="pseudo_count must be at least 0"):
        MaximumLikelihood(-1.0)
    with pytest.raises(ConfigurationError, match="l2 must be positive"):
        PseudoLikelihood(0.0)
    with pytest.raises(ConfigurationError, match="average in"):
        Phases(average=0.0)
    with pytest.raises(ConfigurationError, match="close a cycle"):
        MaximumLikelihood().learn(STATES, 3, Wiring.separate(3, LOOP))
