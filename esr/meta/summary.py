"""Errors of many functions in a few numbers."""

import math
from dataclasses import dataclass

from torch import Tensor

from esr.errors import DataError

__all__ = ["ErrorSummary"]


@dataclass(frozen=True)
class ErrorSummary:
    """The middle, the spread and the failures of errors; each infinite where they make it so.

    Arguments:
        mean: Mean; infinite if an error is not finite.
        median: Median.
        lower_quartile: A quarter of the errors are at most this.
        upper_quartile: Three quarters are.
        not_finite: Share of errors that are infinite or NaN, in [0, 1].
    """

    mean: float
    median: float
    lower_quartile: float
    upper_quartile: float
    not_finite: float

    @classmethod
    def of(cls, errors: Tensor) -> "ErrorSummary":
        """The summary of errors `(K,)`, NaN counted as infinite.

        Raises:
            DataError: If there is none, or they have another shape.
        """
        if errors.dim() != 1 or not len(errors):
            raise DataError(f"errors must have shape (K,), K >= 1, but have {list(errors.shape)}")
        numbers = sorted(e if math.isfinite(e) else math.inf for e in errors.double().tolist())
        return cls(
            mean=math.fsum(numbers) / len(numbers),
            median=_quantile(numbers, 0.5),
            lower_quartile=_quantile(numbers, 0.25),
            upper_quartile=_quantile(numbers, 0.75),
            not_finite=numbers.count(math.inf) / len(numbers),
        )

    def metrics(self, prefix: str) -> dict[str, float]:
        """The numbers by name, such as `in_5_mean` for the prefix `in_5`."""
        return {f"{prefix}_{name}": value for name, value in vars(self).items()}


def _quantile(numbers: list[float], share: float) -> float:
    """The quantile of ascending numbers, linear between two; infinities allowed."""
    place = share * (len(numbers) - 1)
    below, above = numbers[math.floor(place)], numbers[math.ceil(place)]
    if below == above:
        return below
    return below + (above - below) * (place - math.floor(place))
