"""Many small least-squares problems at once by the method of Levenberg and Marquardt."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.population.architecture import Architecture
from baselines.population.fitting import Fitted, checked, relative_errors
from baselines.population.passes import (
    Pass,
    derivatives,
    forward,
    kernel,
    products,
    sensitivities,
)
from baselines.population.points import Points
from esr.errors import ConfigurationError

__all__ = ["Damping", "LevenbergMarquardt"]


@dataclass(frozen=True)
class Damping:
    r"""How the damping of a network changes from step to step.

    After a step that lowers the error it is multiplied by :math:`1-(2\rho-1)^3`, but at least by
    `fall`, where :math:`\rho` is the error's decrease over the one that a linear network would
    have had; after any other step it is multiplied by `rise`, and the step is not taken.

    Arguments:
        first: What each network begins with; more keeps it nearer to its start.
        fall: Least factor, above 0 and below 1.
        rise: Factor after failure, above 1.
        least: Smallest damping, positive; what is smaller is lost to rounding.
        most: Largest damping; a network that gets there is given up on.
    Raises:
        ConfigurationError: If a number is out of range.
    Source: Nielsen (1999), Damping parameter in Marquardt's method, IMM-REP-1999-05, where
        `rise` doubles at each failure.
    """

    first: float = 1.0
    fall: float = 1 / 3
    rise: float = 3.0
    least: float = 1e-6
    most: float = 1e6

    def __post_init__(self) -> None:
        ordered = 0 < self.least <= self.first < self.most < math.inf
        if not ordered or not 0 < self.fall < 1 < self.rise < math.inf:
            raise ConfigurationError(
                f"damping needs 0 < least <= first < most and 0 < fall < 1 < rise, but got {self}"
            )


class LevenbergMarquardt:
    r"""Trains many networks at once, each with its own damping :math:`\lambda`, by steps

    .. math:: (J^\top J + \lambda)^{-1} J^\top r = J^\top (JJ^\top + \lambda)^{-1} r

    where r are the residuals, times the roots of the points' weights, and J their derivatives.
    The right form is taken where there are fewer points than weights, and :math:`JJ^\top` is
    found without J. A network that has converged makes room for the next, so that the batch
    stays full; what becomes of a network does not depend, up to rounding, on the others. In
    float32 a few in a hundred may stop short of a tolerance of 1e-6 that float64 reaches.

    Arguments:
        steps: Most steps of a network, at least 1.
        damping: How damping changes; `Damping()` unless given.
        batch: Most networks at once, at least 1.
        numbers: How many numbers the largest tensor may have; with many points there are fewer
            networks at once, but at least one. What fits a processor's cache is quickest.
    Raises:
        ConfigurationError: If a number is below 1.
    """

    def __init__(
        self,
        steps: int = 200,
        damping: Damping | None = None,
        batch: int = 2000,
        numbers: int = 1_000_000,
    ) -> None:
        if min(steps, batch, numbers) < 1:
            raise ConfigurationError(
                f"steps, batch and numbers must be at least 1, but are {steps}, {batch} and "
                f"{numbers}"
            )
        self.steps, self.batch, self.numbers = steps, batch, numbers
        self.damping = damping if damping is not None else Damping()

    def fit(
        self,
        architecture: Architecture,
        start: Tensor,
        targets: Tensor,
        points: Points,
        tolerance: float,
    ) -> Fitted:
        """Train each network until its relative error is at most the tolerance, or give up on it
        after so many steps or where no step lowers the error; see `Fitter.fit`.

        A network whose start is not finite, or gives no finite error, stays as it is.
        """
        targets, points = checked(architecture, start, targets, points, tolerance)
        largest = len(points.weights) * min(len(points.weights), architecture.count)
        rows = max(1, min(self.batch, self.numbers // largest))
        with torch.no_grad():
            errors = [
                relative_errors(architecture, *part, points)
                for part in zip(torch.split(start, rows), torch.split(targets, rows), strict=True)
            ]
            found = Fitted(
                start.detach().clone(),
                torch.cat([start.new_empty(0), *errors]),
                torch.zeros(len(start), dtype=torch.long, device=start.device),
            )
            untrained = (found.errors > tolerance) & torch.isfinite(found.errors)
            queue = untrained.nonzero()[:, 0]
            if len(queue):
                _Batch(self, architecture, points, found).run(targets, queue, rows, tolerance)
        return found


class _Batch:
    """The networks at work: `ids` in the population, and of each its state."""

    def __init__(
        self,
        settings: LevenbergMarquardt,
        architecture: Architecture,
        points: Points,
        found: Fitted,
    ) -> None:
        self.settings, self.architecture, self.found = settings, architecture, found
        self.points, self.roots = points, points.weights.sqrt()
        self.dual = len(points.weights) < architecture.count

    def run(self, targets: Tensor, queue: Tensor, rows: int, tolerance: float) -> None:
        """Train the networks of a queue `(m,)`, so many at once, and write them down."""
        rule = self.settings.damping
        self.ids = queue[:rows]
        queue = queue[rows:]
        self.weights, self.errors, self.taken = (part[self.ids] for part in self.found)
        self.targets = targets[self.ids]
        self.power = self.points.mean(self.targets.square())
        self.damping = torch.full_like(self.errors, rule.first)
        passed = self._forward(self.weights)
        while len(self.ids):
            trial, expected = self._step(passed)
            passed = self._forward(trial)
            errors = self._residuals(passed).square().sum(1) / self.power
            better = errors < self.errors
            ratio = (self.errors - errors) / (self.errors - expected)
            factor = (1 - (2 * ratio - 1) ** 3).clamp(rule.fall, rule.rise)
            self.damping *= torch.where(better, factor, rule.rise)
            self.damping.clamp_(min=rule.least)
            self.weights = torch.where(better[:, None], trial, self.weights)
            self.errors = torch.where(better, errors, self.errors)
            self.taken += 1
            spent = (self.taken >= self.settings.steps) | (self.damping >= rule.most)
            leaving = ((self.errors <= tolerance) | spent).nonzero()[:, 0]
            if len(leaving):
                self._write(leaving)
                new, queue = queue[: len(leaving)], queue[len(leaving) :]
                self._admit(leaving[: len(new)], new, targets)
                better[leaving] = False
                if len(new) < len(leaving):
                    self._drop(leaving[len(new) :])
                    passed = self._forward(self.weights)
                    continue
            again = (~better).nonzero()[:, 0]
            if len(again):
                passed.replace_(again, self._forward(self.weights[again]))

    def _forward(self, weights: Tensor) -> Pass:
        architecture = self.architecture
        return forward(architecture.split(weights), architecture.unit, self.points.points)

    def _residuals(self, passed: Pass) -> Tensor:
        return (self.targets - passed.outputs).mul_(self.roots)

    def _step(self, passed: Pass) -> tuple[Tensor, Tensor]:
        """Where a step leads, `(m, P)`, and the error if networks were linear, `(m,)`; anything
        at all where the system cannot be solved."""
        architecture, residuals = self.architecture, self._residuals(passed)[..., None]
        layers = architecture.split(self.weights)
        sensitive = sensitivities(layers, architecture.unit, passed, self.roots)
        if self.dual:
            system = kernel(passed, sensitive, architecture.bias)
            dual = self._solved(system, residuals)
            scaled = [by * dual for by in sensitive]
            step = architecture.join(products(passed, scaled, architecture.bias))
            left = dual[..., 0] * self.damping[:, None]
        else:
            jacobian = derivatives(passed, sensitive, architecture.bias)
            primal = self._solved(jacobian.mT @ jacobian, jacobian.mT @ residuals)
            step = primal[..., 0]
            left = (residuals - jacobian @ primal)[..., 0]
        return step.add_(self.weights), left.square_().sum(1) / self.power

    def _solved(self, system: Tensor, right: Tensor) -> Tensor:
        system.diagonal(dim1=1, dim2=2).add_(self.damping[:, None])
        factor, _ = torch.linalg.cholesky_ex(system)  # a bad factor makes a step that is refused
        return torch.cholesky_solve(right, factor)

    def _write(self, rows: Tensor) -> None:
        own = (self.weights, self.errors, self.taken)
        for whole, part in zip(self.found, own, strict=True):
            whole.index_copy_(0, self.ids[rows], part[rows])

    def _admit(self, rows: Tensor, ids: Tensor, targets: Tensor) -> None:
        """Put untrained networks `(m,)` into rows `(m,)`."""
        self.ids[rows] = ids
        for own, whole in zip((self.weights, self.errors, self.taken), self.found, strict=True):
            own.index_copy_(0, rows, whole[ids])
        self.targets.index_copy_(0, rows, targets[ids])
        self.power.index_copy_(0, rows, self.points.mean(targets[ids].square()))
        self.damping.index_fill_(0, rows, self.settings.damping.first)

    def _drop(self, rows: Tensor) -> None:
        kept = torch.ones_like(self.ids, dtype=torch.bool)
        kept[rows] = False
        self.ids, self.weights, self.errors = self.ids[kept], self.weights[kept], self.errors[kept]
        self.taken, self.targets = self.taken[kept], self.targets[kept]
        self.power, self.damping = self.power[kept], self.damping[kept]
