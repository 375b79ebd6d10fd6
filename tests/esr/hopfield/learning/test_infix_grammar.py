"""Learning the grammar of infix strings: padded, pairwise, ten symbols long."""

import pytest
import torch

from esr.hopfield.exact.pairwise import PairwiseNetwork, pairwise_of
from esr.hopfield.grid import Axis, Grid
from esr.hopfield.learning import (
    ContrastiveHebbian,
    HardZeros,
    MaximumLikelihood,
    NetworkLearner,
    Phases,
    PseudoLikelihood,
    Wiring,
)

ALPHABET = ("N", *"1234567890", *"+-*/", "x")
GRID = Grid([Axis("pos", tuple(range(10))), Axis("sym", ALPHABET)], one_of=["sym"])


def follows(before: str, after: str) -> bool:
    """Whether one symbol may stand directly after another."""
    if after == "N":
        return before == "N"
    if after in "+-*/":
        return before.isdigit() or before == "x"
    if after == "0":
        return before.isdigit()
    return before != "x"


def grammar() -> PairwiseNetwork:
    """The valid strings of length ten, all equally probable."""
    pairs = [[0.0 if follows(a, b) else -torch.inf for b in ALPHABET] for a in ALPHABET]
    fields = torch.zeros(10, len(ALPHABET), dtype=torch.float64)
    for symbol in "+-*/0":
        fields[0, ALPHABET.index(symbol)] = -torch.inf
    for symbol in "+-*/N":
        fields[9, ALPHABET.index(symbol)] = -torch.inf
    first = torch.arange(9)
    couplings = torch.tensor(pairs, dtype=torch.float64).expand(9, -1, -1)
    return PairwiseNetwork(fields, torch.stack([first, first + 1], 1), couplings)


def validity(learner: NetworkLearner, wiring: Wiring, seed: int) -> float:
    """Share of 2000 samples that the grammar allows, of a network learnt from 500 strings."""
    generator = torch.Generator().manual_seed(seed)
    truth = grammar()
    examples = truth.forest().sample(500, generator=generator)
    learnt = learner.learn(examples, 16, wiring, generator=generator)
    network = pairwise_of(GRID, learnt.terms())  # learnt rules act like compiled ones
    assert network is not None
    return float(truth.allows(network.forest().sample(2000, generator=generator)).double().mean())


OWN, TIED = Wiring.chain(10, tied=False), Wiring.chain(10)
QUICK = Phases(steps=60, samples=200)


@pytest.mark.parametrize(
    ("learner", "wiring", "bar"),
    [
        (MaximumLikelihood(), OWN, 0.99),
        (MaximumLikelihood(1.0), OWN, 0.95),
        (MaximumLikelihood(1.0, HardZeros(), steps=20), TIED, 0.99),
        (PseudoLikelihood(hard_zeros=HardZeros()), TIED, 0.99),
        (ContrastiveHebbian(hard_zeros=HardZeros(), phases=QUICK), TIED, 0.99),
    ],
)
def test_samples_of_learnt_rules_obey_the_grammar(
    learner: NetworkLearner, wiring: Wiring, bar: float
) -> None:
    assert validity(learner, wiring, seed=0) >= bar


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("learner", "bar"),
    [
        (MaximumLikelihood(1.0, HardZeros(3.0)), 0.99),
        (PseudoLikelihood(hard_zeros=HardZeros(3.0)), 0.99),
        (ContrastiveHebbian(hard_zeros=HardZeros(3.0)), 0.99),
        (MaximumLikelihood(1.0), 0.95),
        (PseudoLikelihood(), 0.95),
        (ContrastiveHebbian(), 0.95),
    ],
)
def test_shared_couplings_learn_the_grammar_hard_and_soft(
    learner: NetworkLearner, bar: float, seed: int
) -> None:
    assert validity(learner, TIED, seed) >= bar


def test_learning_is_reproducible() -> None:
    learner = ContrastiveHebbian(phases=Phases(steps=3))
    assert validity(learner, TIED, seed=4) == validity(learner, TIED, seed=4)
