"""Trajectories of harmonic oscillators, generated from their exact solution."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from experiments.tasks.dynamics_data import TrajectoryData, as_range

__all__ = ["OscillatorData"]


class OscillatorData(TrajectoryData):
    r"""Settings of the generator: :math:`\ddot x = -\omega^2 x`, solved exactly.

    .. math:: x_t = x_0 \cos\omega t + \tfrac{v_0}{\omega} \sin\omega t, \quad
              v_t = v_0 \cos\omega t - x_0\, \omega \sin\omega t

    Start values and :math:`\omega^2` are uniform in their ranges.

    Arguments:
        trajectories: Number of training pairs; as many again are made for validation and tests.
        steps: Length of the followed trajectories, in steps.
        observed: Length of the observed trajectories, in time points.
        stride: Steps between two observed time points, at least 1.
        time_step: Duration of a step, positive.
        position: Range of :math:`x_0`.
        velocity: Range of :math:`v_0`.
        squared_frequency: Range of :math:`\omega^2`, positive.
        noise: Standard deviation of normal noise on training and validation data.
        wider: Factor by which the ranges of start values grow for the extrapolation test of the
            law; what the encoder sees stays in its range, as its latent means nothing beyond.
    Raises:
        ConfigurationError: If a size is not positive or a range is empty.
    Source: Kim et al. (2020), https://arxiv.org/abs/1912.04825, section on dynamics: ranges,
        time step and length. Deviation: of the observed trajectory every tenth state is shown.
    """

    time_step: float
    widens_observed = False

    def __init__(
        self,
        trajectories: int = 1000,
        steps: int = 500,
        observed: int = 25,
        stride: int = 10,
        time_step: float = 0.1,
        position: Sequence[float] = (-1.0, 1.0),
        velocity: Sequence[float] = (-0.5, 0.5),
        squared_frequency: Sequence[float] = (0.1, 1.0),
        noise: float = 0.0,
        wider: float = 3.0,
    ) -> None:
        unseen = as_range("squared_frequency", squared_frequency)
        if not (stride >= 1 and time_step > 0 and unseen[0] > 0):
            raise ConfigurationError(
                "task.data.stride must be at least 1, task.data.time_step and "
                "task.data.squared_frequency must be positive, but they are "
                f"{stride}, {time_step} and {list(unseen)}"
            )
        starts = as_range("position", position), as_range("velocity", velocity)
        super().__init__(trajectories, steps, observed, starts, unseen, noise, wider)
        self.stride, self.time_step = stride, time_step

    def motion(self, start: Tensor, parameter: Tensor, steps: Tensor) -> Tensor:
        """The formula above, the parameter being the squared frequency."""
        x0, v0, frequency = start[:, :1], start[:, 1:], parameter.sqrt()[:, None]
        phase = frequency * steps * self.time_step
        x = x0 * phase.cos() + v0 / frequency * phase.sin()
        v = v0 * phase.cos() - x0 * frequency * phase.sin()
        return torch.stack([x, v], dim=2)  # (N, T, 2)
