"""How good a law of motion is: its latent against the parameter, its roll-out against truth."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.metrics import correlation, relative_error
from experiments.tasks.dynamics_data import TrajectoryPairs
from experiments.tasks.dynamics_law import Law

__all__ = ["Motion", "latent_line", "measure_motion", "roll_out", "summarise"]


@dataclass(frozen=True)
class Motion:
    """A law rolled out on test pairs, beside the truth.

    Errors are mean absolute errors over trajectories and steps in units of the truth's mean
    size, averaged over distance and velocity.

    Arguments:
        parameter: True parameters, `(N,)`.
        latents: The law's latents, `(N,)`.
        truth: States after steps 1 to T, `(N, T, 2)`.
        predicted: The same by the law, with its own latents.
        predicted_from_truth: The same with the true parameter, in the latent's unit.
        horizon: Number of steps trained on.
    """

    parameter: Tensor
    latents: Tensor
    truth: Tensor
    predicted: Tensor
    predicted_from_truth: Tensor
    horizon: int

    @property
    def latent_correlation(self) -> float:
        """Size of the correlation between latent and parameter."""
        return float(correlation(self.latents, self.parameter).abs())

    @property
    def horizon_error(self) -> float:
        """Error over the steps trained on."""
        return self._error(self.predicted[:, : self.horizon], self.truth[:, : self.horizon])

    @property
    def rollout_error(self) -> float:
        """Error over all steps, latents from the encoder."""
        return self._error(self.predicted, self.truth)

    @property
    def rollout_error_true_parameter(self) -> float:
        """Error over all steps with the true parameter in the latent's place."""
        return self._error(self.predicted_from_truth, self.truth)

    def metrics(self, parameter: str) -> dict[str, float]:
        """All of the above by name; `parameter` is what the unseen one is called."""
        return {
            "latent_correlation": self.latent_correlation,
            "horizon_error": self.horizon_error,
            "rollout_error": self.rollout_error,
            f"rollout_error_true_{parameter}": self.rollout_error_true_parameter,
        }

    @staticmethod
    def _error(predicted: Tensor, truth: Tensor) -> float:
        return float(relative_error(predicted, truth, (0, 1)).mean())


def measure_motion(law: Law, pairs: TrajectoryPairs, horizon: int, offset: bool = False) -> Motion:
    """Roll a law out along all steps of the pairs, with its own latents and with true ones.

    The unit of the latent is not fixed by the data: the true parameter is converted by the
    least-squares factor between the two, and with `offset` by the least-squares line.
    """
    latents = law.encode(pairs.observed)[:, 0]
    start, truth = pairs.followed[:, 0], pairs.followed[:, 1:]
    steps = truth.shape[1]
    converted = _in_unit_of(latents, pairs.parameter, offset)
    return Motion(
        parameter=pairs.parameter,
        latents=latents,
        truth=truth,
        predicted=roll_out(law, start, latents, steps),
        predicted_from_truth=roll_out(law, start, converted, steps),
        horizon=horizon,
    )


def roll_out(law: Law, start: Tensor, latents: Tensor, steps: int) -> Tensor:
    """States `(N, steps, 2)` that follow `start` `(N, 2)` with latents `(N,)`."""
    state, states = start, []
    for _ in range(steps):  # recurrence: each step needs the one before
        state = law.step(torch.cat([state, latents[:, None]], dim=1))
        states.append(state)
    return torch.stack(states, dim=1)


def latent_line(latents: Tensor, parameter: Tensor) -> tuple[float, float]:
    """Slope and offset of the least-squares line from the parameter to the latent."""
    centred = parameter - parameter.mean()
    slope = (latents @ centred) / (centred @ centred)
    return float(slope), float(latents.mean() - slope * parameter.mean())


def summarise(
    metrics: Mapping[str, float], parameter: str, horizon: int, steps: int, wider: float
) -> list[tuple[str, str]]:
    """Rows of the closing table; `parameter` is what the unseen one is called."""
    spoken = parameter.replace("_", " ")
    rows = [(f"|corr(z, {spoken})|", f"{metrics['latent_correlation']:.6f}")]
    for label, name in (
        (f"error over {horizon} steps (trained)", "horizon_error"),
        (f"error over {steps} steps", "rollout_error"),
        (f"  with the true {spoken}", f"rollout_error_true_{parameter}"),
        (f"  from {wider:g} times wider starts", "extrapolation_error"),
    ):
        value = _percent(metrics[name])
        if f"reference_{name}" in metrics:
            value += f"   (reference {_percent(metrics[f'reference_{name}'])})"
        rows.append((label, value))
    return rows


def _percent(error: float) -> str:
    return f"{error:.3%}" if error < 10 else f"{error:.0e} times the truth"


def _in_unit_of(latents: Tensor, parameter: Tensor, offset: bool) -> Tensor:
    if offset:
        slope, shift = latent_line(latents, parameter)
        return slope * parameter + shift
    return (latents @ parameter) / (parameter @ parameter) * parameter
