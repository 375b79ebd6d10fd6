"""How far fresh copies of a model get in so many steps: one measure for every method."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from esr.errors import ConfigurationError, DataError
from esr.meta.episodes import Episodes, tiled
from esr.metrics import mean_squared_error
from esr.models import Batch, FunctionModel
from esr.training.rates import OptimizerFactory, set_rate
from esr.training.replicas import limit_gradients

__all__ = ["Adaptation", "TunedRate", "adaptation_errors", "adapted_copies", "tuned"]


@dataclass(frozen=True)
class Adaptation:
    """How fresh copies adapt.

    Arguments:
        optimizer: Makes the optimizer from the parameters; its steps are those of each entry.
        rate: Step size, positive.
        clip_norm: Largest norm of a copy's gradient, positive.
        structure: Factor on the structure term, at least 0.
    Raises:
        ConfigurationError: If a value is out of range.
    """

    optimizer: OptimizerFactory
    rate: float
    clip_norm: float = 10.0
    structure: float = 0.0

    def __post_init__(self) -> None:
        positive = 0 < self.rate < math.inf and self.clip_norm > 0
        if not positive or not 0 <= self.structure < math.inf:
            raise ConfigurationError(
                "an adaptation's rate and clip_norm must be positive and its structure at least "
                f"0, but they are {self.rate}, {self.clip_norm} and {self.structure}"
            )


@dataclass(frozen=True)
class TunedRate:
    """The step size and the replica that adapt best.

    Arguments:
        rate: The step size.
        replica: Index of the replica.
        errors: Mean query error of each step size and replica, `(len(rates), R)`; infinite where
            a copy's is not finite.
    """

    rate: float
    replica: int
    errors: Tensor


def adapted_copies(
    model: FunctionModel,
    support: Batch,
    adaptation: Adaptation,
    *,
    generator: Generator | None = None,
) -> Iterator[FunctionModel]:
    """Fresh copies of a model after 0, 1, 2, ... steps, without end: always the same object.

    All copies are one model; it must be used before the next one. It is in training mode in its
    steps. It is handed out in evaluation mode, unless this makes it another function than the one
    that took the steps (`decides`). A copy whose energy or gradient is not finite gets no
    gradient in that step. The given model is not changed.

    Arguments:
        model: The start of all copies, R replicas.
        support: What the copies adapt to: inputs `(K, N, D)`, targets `(K, N, O)`.
        adaptation: How they do.
        generator: Feeds relaxed choices.
    Yields:
        A model of R K replicas; copy k of replica r is replica r K + k.
    Raises:
        DataError: If the support points are not `(K, N, *)`.
    """
    if any(tensor.dim() != 3 for tensor in support):
        raise DataError(
            "support points must have shapes (K, N, D) and (K, N, O), but have "
            f"{tuple(support.inputs.shape)} and {tuple(support.targets.shape)}"
        )
    copies = model.repeated(len(support.inputs))
    batch = tiled(support, model.replicas)
    moving = [parameter for parameter in copies.parameters() if parameter.requires_grad]
    optimizer = adaptation.optimizer(moving)
    set_rate(optimizer, adaptation.rate)
    while True:
        yield copies.train(copies.decides)
        _step(copies.train(), batch, adaptation, optimizer, moving, generator)


def adaptation_errors(
    model: FunctionModel,
    episodes: Episodes,
    adaptation: Adaptation,
    steps: Sequence[int],
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Query error of each copy after so many steps on its support points.

    Arguments:
        model: The start of all copies, R replicas; it is not changed.
        episodes: K functions.
        adaptation: How the copies adapt.
        steps: Numbers of steps, at least one, each at least 0, in any order.
        generator: Feeds relaxed choices while adapting.
    Returns:
        Mean squared errors, in the mode in which `adapted_copies` hands out the copies,
        `(len(steps), R, K)`, in units of the squared target; infinite where one is not finite.
    Raises:
        ConfigurationError: If there is no number of steps, or one is negative.
        DataError: If the support points are not `(K, N, *)`.
    """
    if not steps or min(steps) < 0:
        raise ConfigurationError(
            f"needs at least one number of steps, none negative, but got {list(steps)}"
        )
    query = tiled(episodes.query, model.replicas)
    after: dict[int, Tensor] = {}
    walk = adapted_copies(model, episodes.support, adaptation, generator=generator)
    for step, copies in zip(range(max(steps) + 1), walk, strict=False):
        if step in steps:
            errors = errors_on(copies, query, generator=generator)
            after[step] = errors.view(model.replicas, episodes.functions)
    return torch.stack([after[step] for step in steps])


def tuned(
    model: FunctionModel,
    episodes: Episodes,
    adaptation: Adaptation,
    rates: Sequence[float],
    steps: int,
    *,
    generator: Generator | None = None,
) -> TunedRate:
    """The step size and replica with the lowest mean query error, the first of equal ones.

    If no mean is finite, as each has a copy that diverged, the medians decide.

    Arguments:
        model: The start of all copies, R replicas; it is not changed.
        episodes: K functions, others than those the model is judged by later.
        adaptation: How the copies adapt; its own rate is not used.
        rates: Step sizes to try, at least one, each positive.
        steps: After how many steps, at least 0.
        generator: Feeds relaxed choices while adapting.
    Raises:
        ConfigurationError: If there is no step size, or a value is out of range.
        DataError: If the support points are not `(K, N, *)`.
    """
    if not rates:
        raise ConfigurationError("needs at least one rate to choose from, but got none")
    found = [
        adaptation_errors(
            model, episodes, replace(adaptation, rate=rate), (steps,), generator=generator
        )[0]
        for rate in rates
    ]
    errors = torch.stack(found).double()  # (len(rates), R, K)
    means = errors.mean(2)
    scores = means if bool(means.isfinite().any()) else errors.median(2).values
    rate, replica = divmod(int(scores.argmin()), model.replicas)
    return TunedRate(rates[rate], replica, means)


@torch.no_grad()
def errors_on(model: FunctionModel, batch: Batch, *, generator: Generator | None = None) -> Tensor:
    """Mean squared error of each replica, `(R,)`; infinite where it is not finite."""
    outputs = model.draw(generator=generator)(batch.inputs)
    error = mean_squared_error(outputs, batch.targets, (1, 2))
    return torch.where(error.isfinite(), error, torch.inf)


@torch.enable_grad()
def _step(
    copies: FunctionModel,
    batch: Batch,
    adaptation: Adaptation,
    optimizer: Optimizer,
    moving: Sequence[Parameter],
    generator: Generator | None,
) -> None:
    """One step of all copies on their support points."""
    energies = copies.energy(batch, generator=generator).per_replica(adaptation.structure)
    for parameter in moving:
        parameter.grad = None
    energies.sum().backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in moving if parameter.grad is not None]
    everyone = torch.ones_like(energies, dtype=torch.bool)
    limit_gradients(gradients, energies, everyone, adaptation.clip_norm)
    optimizer.step()
