"""How good a law of motion is: its latent against the acceleration, its roll-out against truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.metrics import correlation, relative_error
from experiments.tasks.kinematics_data import TrajectoryPairs
from experiments.tasks.kinematics_law import Law

__all__ = ["Motion", "measure_motion", "summarise"]


@dataclass(frozen=True)
class Motion:
    """A law rolled out on test pairs, beside the truth.

    Errors are mean absolute errors over trajectories and steps in units of the truth's mean
    size, averaged over distance and velocity.

    Arguments:
        acceleration: True accelerations, `(N,)`.
        latents: The law's latents, `(N,)`.
        truth: States after steps 1 to T, `(N, T, 2)`.
        predicted: The same by the law, with its own latents.
        predicted_from_truth: The same with the true acceleration, in the latent's unit.
        horizon: Number of steps trained on.
    """

    acceleration: Tensor
    latents: Tensor
    truth: Tensor
    predicted: Tensor
    predicted_from_truth: Tensor
    horizon: int

    @property
    def latent_correlation(self) -> float:
        """Size of the correlation between latent and acceleration."""
        return float(correlation(self.latents, self.acceleration).abs())

    @property
    def horizon_error(self) -> float:
        """Error over the steps trained on."""
        return self._error(self.predicted[:, : self.horizon], self.truth[:, : self.horizon])

    @property
    def rollout_error(self) -> float:
        """Error over all steps, latents from the encoder."""
        return self._error(self.predicted, self.truth)

    @property
    def rollout_error_true_acceleration(self) -> float:
        """Error over all steps with the true acceleration in the latent's place."""
        return self._error(self.predicted_from_truth, self.truth)

    def metrics(self) -> dict[str, float]:
        """All of the above by name."""
        return {
            "latent_correlation": self.latent_correlation,
            "horizon_error": self.horizon_error,
            "rollout_error": self.rollout_error,
            "rollout_error_true_acceleration": self.rollout_error_true_acceleration,
        }

    @staticmethod
    def _error(predicted: Tensor, truth: Tensor) -> float:
        return float(relative_error(predicted, truth, (0, 1)).mean())


def measure_motion(law: Law, pairs: TrajectoryPairs, horizon: int) -> Motion:
    """Roll a law out along all steps of the pairs, with its own latents and with true ones.

    The unit of the latent is not fixed by the data: the true acceleration is converted by the
    least-squares factor between the two.
    """
    a = pairs.acceleration
    latents = law.encode(pairs.observed)[:, 0]
    unit = (latents @ a) / (a @ a)
    start, truth = pairs.followed[:, 0], pairs.followed[:, 1:]
    steps = truth.shape[1]
    return Motion(
        acceleration=a,
        latents=latents,
        truth=truth,
        predicted=_roll_out(law, start, latents, steps),
        predicted_from_truth=_roll_out(law, start, unit * a, steps),
        horizon=horizon,
    )


def summarise(
    metrics: Mapping[str, float], horizon: int, steps: int, wider: float
) -> list[tuple[str, str]]:
    """Rows of the closing table."""
    rows = [("|corr(z, acceleration)|", f"{metrics['latent_correlation']:.6f}")]
    for label, name in (
        (f"error over {horizon} steps (trained)", "horizon_error"),
        (f"error over {steps} steps", "rollout_error"),
        ("  with the true acceleration", "rollout_error_true_acceleration"),
        (f"  from {wider:g} times wider starts", "extrapolation_error"),
    ):
        value = _percent(metrics[name])
        if f"reference_{name}" in metrics:
            value += f"   (reference {_percent(metrics[f'reference_{name}'])})"
        rows.append((label, value))
    return rows


def _percent(error: float) -> str:
    return f"{error:.3%}" if error < 10 else f"{error:.0e} times the truth"


def _roll_out(law: Law, start: Tensor, latents: Tensor, steps: int) -> Tensor:
    """States `(N, steps, 2)`."""
    state, states = start, []
    for _ in range(steps):  # recurrence: each step needs the one before
        state = law.step(torch.cat([state, latents[:, None]], dim=1))
        states.append(state)
    return torch.stack(states, dim=1)
