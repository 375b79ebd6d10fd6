"""Many small networks at once by Adam, with gradients written by hand."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from baselines.population.architecture import Architecture
from baselines.population.fitting import Fitted, checked, relative_errors
from baselines.population.passes import forward, products, sensitivities
from baselines.population.points import Points
from esr.errors import ConfigurationError

__all__ = ["BatchedAdam", "error_gradients"]


def error_gradients(
    architecture: Architecture, weights: Tensor, targets: Tensor, points: Points
) -> tuple[Tensor, Tensor]:
    """Relative errors `(M,)` of networks and each one's gradient by its own weights `(M, P)`.

    Arguments:
        architecture: The shape of all networks.
        weights: `(M, P)`.
        targets: What each shall say, `(M, N)`.
        points: The N points, of the type and on the device of the weights.
    """
    layers, unit = architecture.split(weights), architecture.unit
    passed = forward(layers, unit, points.points)
    residuals = passed.outputs - targets
    factors = residuals * points.weights / points.mean(targets.square())[:, None]
    sensitive = sensitivities(layers, unit, passed, 2 * factors)
    gradients = architecture.join(products(passed, sensitive, architecture.bias))
    return (factors * residuals).sum(1), gradients


@dataclass(frozen=True)
class BatchedAdam:
    """Trains many networks at once by Adam on their relative errors.

    Slower than `LevenbergMarquardt`, for networks or numbers of points that are too large for it.

    Arguments:
        steps: Most steps of a network, at least 1.
        rate: Step size at first, positive.
        last_rate: Step size in the end, from 0 to `rate`, reached along half a cosine; `rate`,
            that is constant, unless given.
        decays: How much of the mean of gradients and of their squares a step keeps, each at
            least 0 and below 1.
        batch: Most networks at once, at least 1.
        check_every: Steps after which converged networks are dropped, at least 1.
    Raises:
        ConfigurationError: If a number is out of range.
    Source: Kingma and Ba (2015), algorithm 1, https://arxiv.org/abs/1412.6980.
    """

    steps: int = 3000
    rate: float = 0.01
    last_rate: float | None = None
    decays: tuple[float, float] = (0.9, 0.999)
    batch: int = 2000
    check_every: int = 10

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.check_every) < 1:
            raise ConfigurationError(
                f"steps, batch and check_every must be at least 1, but are {self.steps}, "
                f"{self.batch} and {self.check_every}"
            )
        if not 0 < self.rate < math.inf or not 0 <= self._last <= self.rate:
            raise ConfigurationError(
                f"Adam needs a positive rate and 0 <= last_rate <= rate, but got "
                f"rate={self.rate!r}, last_rate={self.last_rate!r}"
            )
        if not all(0 <= decay < 1 for decay in self.decays):
            raise ConfigurationError(
                f"decays must be at least 0 and below 1, but are {self.decays}"
            )

    @property
    def _last(self) -> float:
        """The last step size."""
        return self.last_rate if self.last_rate is not None else self.rate

    def fit(
        self,
        architecture: Architecture,
        start: Tensor,
        targets: Tensor,
        points: Points,
        tolerance: float,
    ) -> Fitted:
        """Train each network until its relative error is at most the tolerance, or give up on it
        after so many steps; see `Fitter.fit`.

        Errors are looked at every few steps. Networks whose errors are not finite are dropped.
        """
        targets, points = checked(architecture, start, targets, points, tolerance)
        with torch.no_grad():
            parts = [
                self._fitted(architecture, weights.detach().clone(), own, points, tolerance)
                for weights, own in zip(
                    torch.split(start, self.batch), torch.split(targets, self.batch), strict=True
                )
            ]
        return Fitted(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def _fitted(
        self,
        architecture: Architecture,
        weights: Tensor,
        targets: Tensor,
        points: Points,
        tolerance: float,
    ) -> Fitted:
        """One batch; overwrites `weights`."""
        ids = torch.arange(len(weights), device=weights.device)
        errors = relative_errors(architecture, weights, targets, points)
        found = Fitted(weights.clone(), errors, torch.zeros_like(ids))
        mean, square = torch.zeros_like(weights), torch.zeros_like(weights)
        looks = [*range(0, self.steps, self.check_every), self.steps]
        for here, there in pairwise(looks):
            kept = (errors > tolerance) & torch.isfinite(errors)
            if not kept.all():
                ids, weights, targets = ids[kept], weights[kept], targets[kept]
                mean, square = mean[kept], square[kept]
            if not len(ids):
                break
            for step in range(here, there):
                _, gradients = error_gradients(architecture, weights, targets, points)
                self._move_(weights, mean, square, gradients, step)
            errors = relative_errors(architecture, weights, targets, points)
            for whole, part in zip(found[:2], (weights, errors), strict=True):
                whole.index_copy_(0, ids, part)
            found.steps.index_fill_(0, ids, there)
        return found

    def _move_(
        self, weights: Tensor, mean: Tensor, square: Tensor, gradients: Tensor, step: int
    ) -> None:
        """Take step `step`, counted from 0."""
        first, second = self.decays
        mean.lerp_(gradients, 1 - first)
        square.mul_(second).addcmul_(gradients, gradients, value=1 - second)
        swing = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        rate = self._last + (self.rate - self._last) * swing
        spread = (square / (1 - second ** (step + 1))).sqrt_().add_(1e-8)
        weights.addcdiv_(mean, spread, value=-rate / (1 - first ** (step + 1)))
