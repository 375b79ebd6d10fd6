"""Contract of what trains many networks at once."""

from typing import NamedTuple, Protocol

from torch import Tensor

from baselines.population.architecture import Architecture
from baselines.population.points import Points

__all__ = ["Fitted", "Fitter", "relative_errors"]


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
