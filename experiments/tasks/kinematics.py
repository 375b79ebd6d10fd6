"""Kinematics: discover the equations of motion under constant, unseen acceleration.

The truth is d' = d + v + a/2, v' = v + a, with the latent z standing for the acceleration in a
unit of its own choice.
"""

from collections.abc import Mapping

import torch

from baselines.dynamics import DynamicsModel
from esr.errors import ConfigurationError
from esr.training import Phase
from experiments.tasks.dynamics_law import Law, refine_law
from experiments.tasks.dynamics_task import DynamicsTask, EncoderSizes, Finishing, steps_ahead
from experiments.tasks.kinematics_data import KinematicsData

__all__ = ["Kinematics"]


class Kinematics(DynamicsTask):
    """The kinematics task.

    Arguments:
        phases: The schedule of training; in its first phase one step is predicted, from then on
            `horizon` steps.
        data: Where trajectories come from.
        horizon: Number of recurrent steps trained on, at least 1.
        filters: Number of filters of the encoder.
        kernel: Length of the encoder's convolution, in time points.
        finalists: As for `Finishing`.
        tolerance: As for `Finishing`.
        refinement: As for `Finishing`.
    Raises:
        ConfigurationError: If a size does not fit.
    Source: Kim et al. (2020), https://arxiv.org/abs/1912.04825, section on dynamics.
    """

    parameter = "acceleration"

    def __init__(
        self,
        phases: Mapping[str, Phase],
        data: KinematicsData,
        horizon: int = 5,
        filters: int = 16,
        kernel: int = 5,
        finalists: int = 4,
        tolerance: float = 0.01,
        refinement: int = 300,
    ) -> None:
        if horizon < 1:
            raise ConfigurationError(f"task.horizon must be at least 1, but is {horizon}")
        finishing = Finishing(finalists, tolerance, refinement)
        super().__init__(phases, data, (1, horizon), EncoderSizes(filters, kernel), finishing)

    def finish(self, law: Law, model: DynamicsModel) -> Law:
        """Let encoder and constants settle on each other."""
        if self.finishing.refinement == 0:
            return law
        batch = steps_ahead(self.training, self.horizon, torch.float64)
        return refine_law(law, model, self.training, batch, self.finishing.refinement)
