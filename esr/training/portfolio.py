"""A portfolio: settings of training that differ between the replicas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from esr.errors import ConfigurationError

__all__ = ["Portfolio", "alike", "turns"]


@dataclass(frozen=True)
class Portfolio:
    """Factors on the settings of training, each a sequence that the replicas take in turn.

    Sequences of different lengths mix: with two learning rates and three paces, six replicas
    have six different settings.

    Arguments:
        learning_rate: Factors on the schedule's learning rate, positive.
        structure: Factors on the schedule's structure factor, at least 0.
        clip_norm: Factors on the largest norm of a replica's gradient, positive.
        pace: How fast a replica goes through the schedule, positive: each phase takes its steps
            divided by the pace, rounded, at least 1.
    Raises:
        ConfigurationError: If a sequence is empty or a factor is out of range.
    """

    learning_rate: Sequence[float] = (1.0,)
    structure: Sequence[float] = (1.0,)
    clip_norm: Sequence[float] = (1.0,)
    pace: Sequence[float] = (1.0,)

    def __post_init__(self) -> None:
        for field in fields(self):
            values = getattr(self, field.name)
            if isinstance(values, (int, float, str)) or len(values) == 0:
                raise ConfigurationError(
                    f"a portfolio's {field.name} must be a sequence of at least one factor, but "
                    f"is {values!r}"
                )
            for value in values:
                free = field.name == "structure" and value == 0
                if not (free or (value > 0 and math.isfinite(value))):
                    bound = "at least 0" if field.name == "structure" else "positive"
                    raise ConfigurationError(
                        f"a portfolio's {field.name} must be {bound} and finite, but has {value}"
                    )

    @property
    def rates_differ(self) -> bool:
        """Whether replicas may have different learning rates in the same step."""
        return len(set(self.learning_rate)) > 1 or len(set(self.pace)) > 1


def turns(values: Sequence[float], replicas: int) -> Tensor:
    """The value of each replica, taken in turn, `(R,)` in double precision."""
    return torch.tensor(
        [float(values[r % len(values)]) for r in range(replicas)], dtype=torch.float64
    )


def alike(values: float | Tensor) -> float | Tensor:
    """The one number that all values `(R,)` are, else the values."""
    if isinstance(values, Tensor) and bool((values == values[0]).all()):
        return float(values[0])
    return values
