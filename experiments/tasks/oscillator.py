"""Oscillator: discover the step of a harmonic oscillator whose frequency is unseen.

The truth is x'' = -w2 x. Over a time step h that is, up to the second order,
d' = d + h v - h**2/2 w2 d, v' = v - h w2 d - h**2/2 w2 v, with the latent z standing for the
squared frequency w2 in a unit of its own choice.
"""

from collections.abc import Mapping, Sequence

import torch

from baselines.dynamics import DynamicsBatch, DynamicsModel
from esr.errors import ConfigurationError
from esr.training import Phase, Progress
from experiments.tasks.dynamics_law import Law, refine_law
from experiments.tasks.dynamics_polish import centre_latent, complete_law
from experiments.tasks.dynamics_task import DynamicsTask, EncoderSizes, Finishing, steps_ahead
from experiments.tasks.oscillator_data import OscillatorData
from experiments.tasks.oscillator_measures import compare_with_truth, one_step_error

__all__ = ["Oscillator"]

_STRIDE = 37
"""Steps by which the window on the followed motions moves between two batches."""


class Oscillator(DynamicsTask):
    """The harmonic oscillator.

    The cell gives the mean rate of change over a step. A batch holds part of the pairs, from a
    state somewhere along their motions; successive batches go through pairs and places in turn.

    Arguments:
        phases: The schedule of training.
        data: Where trajectories come from.
        horizons: Number of recurrent steps trained on in each phase, the last one from then on.
        rows: Number of pairs in a batch, at least 1.
        encoder: Sizes of the encoder.
        finishing: How the law is read.
    Raises:
        ConfigurationError: If a size does not fit.
    Source: Kim et al. (2020), https://arxiv.org/abs/1912.04825, section on dynamics.
        Deviations: the cell gives a rate of change, and the horizon grows by phases.
    """

    parameter = "squared_frequency"
    shown = 2
    latent_offset = True

    def __init__(
        self,
        phases: Mapping[str, Phase],
        data: OscillatorData,
        encoder: EncoderSizes,
        finishing: Finishing,
        horizons: Sequence[int] = (1, 5, 10, 25),
        rows: int = 500,
    ) -> None:
        if not horizons or min(horizons) < 1 or rows < 1:
            raise ConfigurationError(
                "task.horizons must be numbers of at least 1 and task.rows at least 1, but they "
                f"are {list(horizons)} and {rows}"
            )
        super().__init__(phases, data, horizons, encoder, finishing)
        self.rows, self.time_step = rows, data.time_step

    def batch(self, progress: Progress) -> DynamicsBatch:
        """Some of the training pairs, as many steps ahead as the phase says."""
        horizon, count = self.horizon_in(progress.phase), len(self.training.parameter)
        blocks = max(1, count // self.rows)
        first = progress.step % blocks * self.rows
        stop = count if progress.step % blocks == blocks - 1 else first + self.rows
        places = self.training.followed.shape[1] - horizon
        place = progress.step // blocks * _STRIDE % places
        return steps_ahead(self.training.rows(first, stop), horizon, torch.float32, place)

    def precise(self, model: DynamicsModel) -> DynamicsModel:
        """As the base; the latent's scale is that of all training pairs, not of one batch."""
        copy = super().precise(model).train()
        copy.encode(self.training.observed)
        return copy.eval()

    def finish(self, law: Law, model: DynamicsModel) -> Law:
        """Complete the law, centre its latent, let encoder and constants settle on each other."""
        law = self._completed(law, model)
        if (centred := centre_latent(law, model)) is not law:
            law = self._completed(centred, model)
        if self.finishing.refinement == 0:
            return law
        batch = steps_ahead(self.training, self.horizon, torch.float64)
        return refine_law(law, model, self.training, batch, self.finishing.refinement)

    def _completed(self, law: Law, model: DynamicsModel) -> Law:
        return complete_law(law, model, self.deciding, self.horizon, self.finishing.tolerance)

    def measures(self, law: Law) -> dict[str, float]:
        """How near the law is to the exact step."""
        closeness = compare_with_truth(law, self.test, self.time_step)
        return {
            "one_step_error": one_step_error(law, self.test),
            "coefficient_error": closeness.coefficient_error,
            "stray_effect": closeness.stray_effect,
            "right_form": float(closeness.right_form),
        }

    def summary_rows(self, metrics: Mapping[str, float]) -> list[tuple[str, str]]:
        """One step, and the terms of the law beside the truth's."""
        return [
            ("error of one step, in units of its change", f"{metrics['one_step_error']:.3%}"),
            ("largest relative error of a coefficient", f"{metrics['coefficient_error']:.3%}"),
            ("right form", "yes" if metrics["right_form"] else "no"),
        ]
