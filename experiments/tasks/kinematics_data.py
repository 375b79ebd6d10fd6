"""Trajectories under constant acceleration, generated from their formulas or read from a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from esr.errors import DataError
from experiments.tasks.dynamics_data import TrajectoryData, TrajectoryPairs, as_range

__all__ = ["KinematicsData"]


class KinematicsData(TrajectoryData):
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
        starts = as_range("distance", distance), as_range("velocity", velocity)
        unseen = as_range("acceleration", acceleration)
        super().__init__(trajectories, steps, observed, starts, unseen, noise, wider)
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
            cut = max(1, len(pairs.parameter) * 4 // 5)
            return pairs.rows(0, cut), pairs.rows(cut, len(pairs.parameter))
        return super().training_and_validation(generator, noise)

    def motion(self, start: Tensor, parameter: Tensor, steps: Tensor) -> Tensor:
        """The formula above, the parameter being the acceleration."""
        d0, v0, a, t = start[:, :1], start[:, 1:], parameter[:, None], steps
        return torch.stack([d0 + v0 * t + a * t * t / 2, v0 + a * t], dim=2)  # (N, T, 2)


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
