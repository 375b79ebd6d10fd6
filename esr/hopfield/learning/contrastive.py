"""Contrastive Hebbian learning: strengthen what examples do together, weaken what samples do."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor
from torch.optim import SGD, Optimizer

from esr.errors import ConfigurationError
from esr.hopfield.exact.pairwise import PairwiseNetwork
from esr.hopfield.learning.hard_zeros import HardZeros
from esr.hopfield.learning.learner import forbidden_by, with_forbidden
from esr.hopfield.learning.wiring import Wiring, count_examples

__all__ = ["ContrastiveHebbian", "Phases", "exact_samples"]

Sampler = Callable[[PairwiseNetwork, int, Generator | None], Tensor]


def exact_samples(network: PairwiseNetwork, count: int, generator: Generator | None) -> Tensor:
    """Exact draws `(count, G)` at temperature one from a network without cycles."""
    return network.forest().sample(count, generator=generator)


@dataclass(frozen=True)
class Phases:
    """How the phases of contrastive learning are run.

    Arguments:
        steps: Number of updates, at least one.
        samples: Model samples for each update, at least one.
        average: Share of the last updates over whose parameters the result is averaged, in
            (0, 1]; averages out the noise of the samples.
    Raises:
        ConfigurationError: If a value is out of range.
    """

    steps: int = 500
    samples: int = 500
    average: float = 0.25

    def __post_init__(self) -> None:
        if self.steps < 1 or self.samples < 1 or not 0 < self.average <= 1:
            raise ConfigurationError(
                "Phases needs steps and samples of at least 1 and average in (0, 1], but got "
                f"{self.steps}, {self.samples} and {self.average}"
            )


class ContrastiveHebbian:
    r"""Hebbian learning in a positive phase on examples and a negative phase on model samples.

    .. math:: \Delta Q \propto \langle v v^T \rangle_\text{examples}
              - \langle v v^T \rangle_\text{samples}, \quad
              \Delta b \propto \langle v \rangle_\text{examples} - \langle v \rangle_\text{samples}

    It descends the mean energy of examples minus that of samples, on couplings and fields; with
    exact samples the update is an unbiased gradient of the log-likelihood.

    Arguments:
        optimizer: Makes the optimizer of the tensors it is given; gradient descent with a rate of
            0.3 and a momentum of 0.9 if None.
        sampler: Called with a network, a number and a generator, gives samples `(number, G)`.
        phases: Number of updates and samples.
        hard_zeros: What to forbid; None forbids nothing.
    Source: Ackley, Hinton, Sejnowski (1985), https://doi.org/10.1207/s15516709cog0901_7.
    """

    def __init__(
        self,
        optimizer: Callable[[list[Tensor]], Optimizer] | None = None,
        sampler: Sampler = exact_samples,
        phases: Phases | None = None,
        hard_zeros: HardZeros | None = None,
    ) -> None:
        self.optimizer = optimizer if optimizer is not None else partial(SGD, lr=0.3, momentum=0.9)
        self.sampler = sampler
        self.phases = phases if phases is not None else Phases()
        self.hard_zeros = hard_zeros

    def learn(
        self,
        examples: Tensor,
        symbols: int,
        wiring: Wiring,
        *,
        generator: Generator | None = None,
    ) -> PairwiseNetwork:
        """As `NetworkLearner.learn`, with fresh samples at each update."""
        counts = count_examples(examples, symbols, wiring)
        dead = forbidden_by(self.hard_zeros, counts, wiring)
        positive = [each / counts.number for each in wiring.pooled(counts.singles, counts.pairs)]
        parameters = [torch.zeros_like(each, requires_grad=True) for each in positive]
        means = [torch.zeros_like(each) for each in positive]
        optimizer = self.optimizer(parameters)
        first = self.phases.steps - max(1, round(self.phases.average * self.phases.steps))
        for step in range(self.phases.steps):
            hard = [with_forbidden(p.detach(), m) for p, m in zip(parameters, dead, strict=True)]
            drawn = self.sampler(wiring.spread(*hard), self.phases.samples, generator)
            found = count_examples(drawn, symbols, wiring)
            negative = wiring.pooled(found.singles, found.pairs)
            for parameter, model, data in zip(parameters, negative, positive, strict=True):
                parameter.grad = model / found.number - data  # energies fall along the negative
            optimizer.step()
            if step >= first:
                for mean, parameter in zip(means, parameters, strict=True):
                    mean += (parameter.detach() - mean) / (step - first + 1)
        return wiring.spread(*(with_forbidden(v, m) for v, m in zip(means, dead, strict=True)))
