"""Trajectories under constant acceleration, generated from their formulas or read from a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError, DataError

__all__ = ["KinematicsData", "TrajectoryPairs"]


@dataclass(frozen=True)
class TrajectoryPairs:
    """Pairs of trajectories; the two of a pair share the acceleration and nothing else.

    Arguments:
        observed: `(N, T, 2)`: distance and velocity, from which the acceleration can be told.
        followed: `(N, T' + 1, 2)`: another motion, to be predicted from its first state.
        acceleration: `(N,)`, in distance per time step squared; for judging only.
    """

    observed: Tensor
    followed: Tensor
    acceleration: Tensor

    def to(self, device: torch.device) -> "TrajectoryPairs":
        """The same pairs on a device."""
        return TrajectoryPairs(*(t.to(device) for t in vars(self).values()))

    def rows(self, start: int, stop: int) -> "TrajectoryPairs":
        """Pairs number `start` to `stop - 1`."""
        return TrajectoryPairs(*(t[start:stop] for t in vars(self).values()))


class KinematicsData:
    r"""Settings of the generator: :math:`d_t = d_0 + v_0 t + \tfrac12 a t^2, v_t = v_0 + a t`.

    Start values and the acceleration are uniform in their ranges; time is in steps.

    Arguments:
        trajectories: Number of training pairs; as many again are made for validation and tests.
        steps: Length of the followed trajectories of validation and tests, in steps.
        observed: Length of the observed trajectories, in time points.
        distance: Range of :math:`d_0`.
        velocity: Range of :math:`v_0`.
        acceleration: Range of a.
        noise: Standard deviation of normal noise on training and validation data.
        wider: Factor by which the ranges of start values grow for the extrapolation test.
        path: A `.npz` file with arrays `observed` (N, T, 2), `followed` (N, T', 2) and
            `acceleration` (N,) that takes the place of the training and validation data
            (four fifths and one fifth of its pairs); tests are still generated.
    Raises:
        ConfigurationError: If a size is not positive or a range is empty.
    """

    def __init__(
        self,
        trajectories: int = 100,
        steps: int = 100,
        observed: int = 20,
        distance: Sequence[float] = (-1.0, 1.0),
        velocity: Sequence[float] = (-1.0, 1.0),
        acceleration: Sequence[float] = (-1.0, 1.0),
        noise: float = 0.0,
        wider: float = 3.0,
        path: str | None = None,
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
        self.distance = _range("distance", distance)
        self.velocity = _range("velocity", velocity)
        self.acceleration = _range("acceleration", acceleration)
        self.noise, self.wider = noise, wider
        self.path = Path(path) if path is not None else None

    def training_and_validation(
        self, generator: Generator, noise: Generator
    ) -> tuple[TrajectoryPairs, TrajectoryPairs]:
        """Pairs to train on and pairs to validate with, from the file if one is given.

        Raises:
            DataError: If the file is missing or cannot be used.
        """
        if self.path is not None:
            pairs = _read(self.path)
            cut = max(1, len(pairs.acceleration) * 4 // 5)
            return pairs.rows(0, cut), pairs.rows(cut, len(pairs.acceleration))
        training = self._with_noise(self._generate(generator, 1.0), noise)
        return training, self._with_noise(self._generate(generator, 1.0), noise)

    def tests(self, generator: Generator) -> tuple[TrajectoryPairs, TrajectoryPairs]:
        """Noise-free test pairs from the training ranges and from wider start values."""
        return self._generate(generator, 1.0), self._generate(generator, self.wider)

    def _generate(self, generator: Generator, wider: float) -> TrajectoryPairs:
        acceleration = self._uniform(self.acceleration, 1.0, generator)
        return TrajectoryPairs(
            self._motion(acceleration, wider, self.observed - 1, generator),
            self._motion(acceleration, wider, self.steps, generator),
            acceleration,
        )

    def _motion(self, a: Tensor, wider: float, steps: int, generator: Generator) -> Tensor:
        d0 = self._uniform(self.distance, wider, generator)[:, None]
        v0 = self._uniform(self.velocity, wider, generator)[:, None]
        t = torch.arange(steps + 1, device=generator.device, dtype=torch.float64)
        a = a[:, None]
        return torch.stack([d0 + v0 * t + a * t * t / 2, v0 + a * t], dim=2)  # (N, T, 2)

    def _uniform(self, ends: tuple[float, float], wider: float, generator: Generator) -> Tensor:
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

        return TrajectoryPairs(noisy(pairs.observed), noisy(pairs.followed), pairs.acceleration)


def _range(name: str, ends: Sequence[float]) -> tuple[float, float]:
    values = tuple(float(end) for end in ends)
    if len(values) != 2 or not values[0] < values[1]:
        raise ConfigurationError(
            f"task.data.{name} must be a range [low, high] with low < high, but is {list(values)}"
        )
    return values[0], values[1]


def _read(path: Path) -> TrajectoryPairs:
    if not path.is_file():
        raise DataError(f"task.data.path: there is no file {path}; expected a .npz file")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path} cannot be read as a .npz file of numbers: {error}") from error
    missing = {"observed", "followed", "acceleration"} - found.keys()
    if missing:
        raise DataError(f"{path} lacks the arrays {sorted(missing)}; it has {sorted(found)}")
    observed, followed, acceleration = (
        found[name] for name in ("observed", "followed", "acceleration")
    )
    count = len(acceleration) if acceleration.ndim == 1 else -1
    for name, array in (("observed", observed), ("followed", followed)):
        if array.ndim != 3 or array.shape[0] != count or array.shape[1] < 2 or array.shape[2] != 2:
            raise DataError(
                f"{path}: '{name}' must have shape (N, T, 2) with T >= 2 and the same N as "
                f"'acceleration' (N,), but they have shapes {array.shape} and {acceleration.shape}"
            )
    if count < 2:
        raise DataError(f"{path} has {count} pairs of trajectories; at least 2 are needed")
    for name, array in found.items():
        bad = np.argwhere(~np.isfinite(array))
        if len(bad):
            raise DataError(
                f"{path}: '{name}' has {len(bad)} values that are NaN or infinite, the first at "
                f"index {tuple(int(i) for i in bad[0])}; remove or repair those trajectories"
            )
    return TrajectoryPairs(*(torch.from_numpy(a) for a in (observed, followed, acceleration)))
