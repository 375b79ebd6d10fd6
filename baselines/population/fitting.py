"""Contract of what trains many networks at once."""

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from baselines.population.architecture import Architecture
from baselines.population.points import Points
from esr.errors import ConfigurationError, DataError

__all__ = ["Fitted", "Fitter", "checked", "relative_errors"]


class Fitted(NamedTuple):
    """Trained networks.

    Arguments:
        weights: `(M, P)`.
        errors: Relative mean squared error, `(M,)`: the mean of the squared error over that of
            the squared target; infinite where it is not finite.
        steps: Steps each network took, int64 `(M,)`.
    """

    weights: Tensor
    errors: Tensor
    steps: Tensor


class Fitter(Protocol):
    """Trains M networks of one architecture, each towards its own targets."""

    def fit(
        self,
        architecture: Architecture,
        start: Tensor,
        targets: Tensor,
        points: Points,
        tolerance: float,
    ) -> Fitted:
        """Train each network until its relative error is at most the tolerance, or give up on it.

        Arguments:
            architecture: The shape of all networks.
            start: Initial weights `(M, P)`; trained in their type, on their device.
            targets: What each shall say, `(M, N)`.
            points: The N points where it shall say it.
            tolerance: Relative error at which a network is left alone, positive.
        Raises:
            DataError: If shapes do not match, or targets are not finite or all zero.
            ConfigurationError: If the tolerance is not positive.
        """
        ...


def relative_errors(
    architecture: Architecture, weights: Tensor, targets: Tensor, points: Points
) -> Tensor:
    """Relative mean squared error of networks `(M, P)`, `(M,)`, infinite where not finite."""
    here = points.to(targets)
    residuals = architecture.outputs(weights.to(targets), here.points) - targets
    ratio = here.mean(residuals.square()) / here.mean(targets.square())
    return ratio.nan_to_num(nan=float("inf"), posinf=float("inf"))


def checked(
    architecture: Architecture, start: Tensor, targets: Tensor, points: Points, tolerance: float
) -> tuple[Tensor, Points]:
    """Targets and points of the type and on the device of the start, once they are found to be
    such as a `Fitter` takes.

    Raises:
        DataError: If shapes do not match, or targets are not finite or all zero.
        ConfigurationError: If the tolerance is not positive.
    """
    wanted = {
        "start": (start, (len(start), architecture.count)),
        "points": (points.points, (len(points.weights), architecture.inputs)),
        "targets": (targets, (len(start), len(points.weights))),
    }
    for name, (given, shape) in wanted.items():
        if given.shape != shape:
            raise DataError(
                f"{name} must be {shape} for {len(start)} networks {architecture} at "
                f"{len(points.weights)} points, but are {tuple(given.shape)}"
            )
    if not start.is_floating_point():
        raise DataError(f"start must be of a floating type, but is {start.dtype}")
    if not 0 < tolerance < math.inf:
        raise ConfigurationError(f"the tolerance must be positive, but is {tolerance!r}")
    own, here = targets.to(start), points.to(start)
    power = here.mean(own.square())
    wrong = ~(torch.isfinite(power) & (power > 0))
    if wrong.any():
        first = int(wrong.nonzero()[0, 0])
        raise DataError(
            f"targets must be finite and not all zero, since errors are relative to their "
            f"square; {int(wrong.sum())} networks have others, the first is number {first}"
        )
    return own, here
