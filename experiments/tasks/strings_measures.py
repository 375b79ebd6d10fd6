"""How well a learnt network makes strings: validity, novelty, coverage and likelihood."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.hopfield import PairwiseNetwork
from experiments.tasks.strings_data import StringData

__all__ = ["Judgement", "judge"]


@dataclass(frozen=True)
class Judgement:
    """What a network does.

    Arguments:
        valid: Share of its samples that the true grammar allows; None if that is not known.
        new: Share of its samples that are none of the strings it was learnt from.
        coverage: Share of the test strings that it allows.
        log_likelihood: Mean log-probability of the test strings that it allows, in nats; NaN if
            it allows none.
    """

    valid: float | None
    new: float
    coverage: float
    log_likelihood: float

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """By name, each with a prefix."""
        found = {
            "new_share": self.new,
            "coverage": self.coverage,
            "log_likelihood": self.log_likelihood,
        }
        if self.valid is not None:
            found = {"valid_share": self.valid, **found}
        return {prefix + name: value for name, value in found.items()}

    def __str__(self) -> str:
        valid = "" if self.valid is None else f"{self.valid:.2%} valid, "
        return f"{valid}{self.coverage:.2%} covered, {self.log_likelihood:.3f} nats a string"


def judge(
    network: PairwiseNetwork, data: StringData, count: int, *, generator: Generator
) -> tuple[Judgement, Tensor]:
    """Measure a network by exact samples and exact probabilities.

    Arguments:
        network: Without cycles.
        data: What it was learnt from, and what it is measured by.
        count: Number of samples.
        generator: Source of the samples.
    Returns:
        The measures and the samples, `(count, G)`.
    """
    distribution = network.forest()
    samples = distribution.sample(count, generator=generator)
    valid = None if data.truth is None else _share(data.truth.allows(samples))
    known = {tuple(row) for row in data.training.tolist()}
    new = torch.tensor([tuple(row) not in known for row in samples.tolist()])
    allowed = network.allows(data.test)
    logs = distribution.log_probability(data.test[allowed])
    return Judgement(valid, _share(new), _share(allowed), float(logs.mean())), samples


def _share(which: Tensor) -> float:
    return float(which.double().mean())
