"""Pairs of trajectories that share an unseen parameter, generated from a formula."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError

__all__ = ["TrajectoryData", "TrajectoryPairs", "as_range"]

Range = tuple[float, float]


@dataclass(frozen=True)
class TrajectoryPairs:
    """Pairs of trajectories; the two of a pair share the parameter and nothing else.

    Arguments:
        observed: `(N, T, 2)`: distance and velocity, from which the parameter can be told.
        followed: `(N, T' + 1, 2)`: another motion, to be predicted from its first state.
        parameter: `(N,)`: what the law of motion depends on; for judging only.
    """

    observed: Tensor
    followed: Tensor
    parameter: Tensor

    def to(self, device: torch.device) -> "TrajectoryPairs":
        """The same pairs on a device."""
        return TrajectoryPairs(*(t.to(device) for t in vars(self).values()))

    def rows(self, start: int, stop: int) -> "TrajectoryPairs":
        """Pairs number `start` to `stop - 1`."""
        return TrajectoryPairs(*(t[start:stop] for t in vars(self).values()))


class TrajectoryData(ABC):
    """Settings of a generator of pairs. Start values and the parameter are uniform in ranges.

    Arguments:
        trajectories: Number of training pairs; as many again are made for validation and tests.
        steps: Length of the followed trajectories of validation and tests, in steps.
        observed: Length of the observed trajectories, in time points.
        starts: Range of the first distance and of the first velocity.
        parameter: Range of the unseen parameter.
        noise: Standard deviation of normal noise on training and validation data.
        wider: Factor by which the ranges of start values grow for the extrapolation test.
    Raises:
        ConfigurationError: If a size is not positive or a range is empty.
    """

    time_step: float | None = None
    """Duration of a step where the cell gives a rate; None where it gives the next state."""
    stride: int = 1
    """Steps between two time points of an observed trajectory."""
    widens_observed: bool = True
    """Whether the extrapolation test widens the starts of observed trajectories, too."""

    def __init__(
        self,
        trajectories: int,
        steps: int,
        observed: int,
        starts: tuple[Range, Range],
        parameter: Range,
        noise: float,
        wider: float,
    ) -> None:
        for name, size, least in (
            ("trajectories", trajectories, 2),
            ("steps", steps, 1),
            ("observed", observed, 2),
        ):
            if isinstance(size, bool) or not isinstance(size, int) or size < least:
                raise ConfigurationError(
                    f"task.data.{name} must be an integer of at least {least}, but is {size!r}"
                )
        if not (noise >= 0 and wider >= 1):
            raise ConfigurationError(
                f"task.data.noise must be at least 0 and task.data.wider at least 1, but they "
                f"are {noise} and {wider}"
            )
        self.trajectories, self.steps, self.observed = trajectories, steps, observed
        self.starts, self.parameter = starts, parameter
        self.noise, self.wider = noise, wider

    @abstractmethod
    def motion(self, start: Tensor, parameter: Tensor, steps: Tensor) -> Tensor:
        """Exact states `(N, T, 2)` after numbers of steps `(T,)`.

        Arguments:
            start: First distance and velocity, `(N, 2)`.
            parameter: `(N,)`.
            steps: `(T,)`, at least 0.
        """

    def training_and_validation(
        self, generator: Generator, noise: Generator
    ) -> tuple[TrajectoryPairs, TrajectoryPairs]:
        """Pairs to train on and pairs to validate with."""
        training = self._with_noise(self._generate(generator, 1.0), noise)
        return training, self._with_noise(self._generate(generator, 1.0), noise)

    def tests(self, generator: Generator) -> tuple[TrajectoryPairs, TrajectoryPairs]:
        """Noise-free test pairs from the training ranges and from wider start values."""
        return self._generate(generator, 1.0), self._generate(generator, self.wider)

    def _generate(self, generator: Generator, wider: float) -> TrajectoryPairs:
        parameter = self._uniform(self.parameter, 1.0, generator)
        seen = wider if self.widens_observed else 1.0
        return TrajectoryPairs(
            self._drawn_motion(parameter, self.observed, self.stride, seen, generator),
            self._drawn_motion(parameter, self.steps + 1, 1, wider, generator),
            parameter,
        )

    def _drawn_motion(
        self, parameter: Tensor, points: int, stride: int, wider: float, generator: Generator
    ) -> Tensor:
        first = [self._uniform(ends, wider, generator) for ends in self.starts]
        steps = torch.arange(points, device=generator.device, dtype=torch.float64)
        return self.motion(torch.stack(first, dim=1), parameter, stride * steps)  # (N, T, 2)

    def _uniform(self, ends: Range, wider: float, generator: Generator) -> Tensor:
        centre, half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2 * wider
        unit = torch.rand(
            self.trajectories, generator=generator, device=generator.device, dtype=torch.float64
        )
        return centre + half * (2 * unit - 1)

    def _with_noise(self, pairs: TrajectoryPairs, generator: Generator) -> TrajectoryPairs:
        if self.noise == 0:
            return pairs

        def noisy(values: Tensor) -> Tensor:
            draw = torch.randn(
                values.shape, generator=generator, device=values.device, dtype=values.dtype
            )
            return values + self.noise * draw

        return TrajectoryPairs(noisy(pairs.observed), noisy(pairs.followed), pairs.parameter)


def as_range(name: str, ends: Sequence[float]) -> Range:
    """A range from a configuration; `name` is the setting's, for the message.

    Raises:
        ConfigurationError: If it is not `[low, high]` with low < high.
    """
    values = tuple(float(end) for end in ends)
    if len(values) != 2 or not values[0] < values[1]:
        raise ConfigurationError(
            f"task.data.{name} must be a range [low, high] with low < high, but is {list(values)}"
        )
    return values[0], values[1]
