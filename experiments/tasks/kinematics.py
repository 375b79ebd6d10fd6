"""Kinematics: discover the equations of motion under constant, unseen acceleration.

An encoder sees one trajectory, a recurrent cell propagates another with the same acceleration;
only trajectories are given. The truth is d' = d + v + a/2, v' = v + a, with the latent z
standing for the acceleration in a unit of its own choice.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from baselines.dynamics import DynamicsBatch, DynamicsModel, TrajectoryEncoder
from esr.equations import Expression, simplify
from esr.errors import ConfigurationError, DataError
from esr.models import EnergyModel, SymbolicModel
from esr.random import RandomStreams
from esr.training import Phase, Progress
from experiments.tasks.kinematics_data import KinematicsData, TrajectoryPairs
from experiments.tasks.kinematics_figure import draw_motion
from experiments.tasks.kinematics_law import OUTPUTS, VARIABLES, Law, find_law, refine_law
from experiments.tasks.kinematics_measures import measure_motion, summarise
from experiments.tasks.task import Conclusion, Contender, ModelFactory

__all__ = ["Kinematics"]


class Kinematics:
    """The kinematics task.

    Arguments:
        phases: The schedule of training; in its first phase one step is predicted, from then on
            `horizon` steps.
        data: Where trajectories come from.
        horizon: Number of recurrent steps trained on, at least 1.
        filters: Number of filters of the encoder.
        kernel: Length of the encoder's convolution, in time points.
        finalists: How many of the best replicas are finished.
        tolerance: Smallest effect on one step, in units of a state's standard deviation, that a
            term must have to stay in the law.
        refinement: Largest number of L-BFGS iterations in which the encoder and the constants
            settle on each other under the law that was found; 0 for none.
    Raises:
        ConfigurationError: If a size does not fit.
    Source: Kim et al. (2020), https://arxiv.org/abs/1912.04825, section on dynamics.
    """

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
        if horizon < 1 or finalists < 1 or refinement < 0:
            raise ConfigurationError(
                "task.horizon and task.finalists must be at least 1 and task.refinement at least "
                f"0, but they are {horizon}, {finalists} and {refinement}"
            )
        if not 1 <= kernel <= data.observed:
            raise ConfigurationError(
                f"task.kernel must be from 1 to the {data.observed} observed time points "
                f"(task.data.observed), but is {kernel}"
            )
        self.phases, self.data, self.horizon = dict(phases), data, horizon
        self.filters, self.kernel = filters, kernel
        self.finalists, self.tolerance, self.refinement = finalists, tolerance, refinement

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Generate or read the trajectories."""
        pairs = self.data.training_and_validation(streams["data"], streams["noise"])
        self.training, self.validation = (p.to(device) for p in pairs)
        self.test, self.wide_test = (p.to(device) for p in self.data.tests(streams["tests"]))
        for name, points in (
            ("followed", self.training.followed.shape[1] - 1),
            ("test", self.test.followed.shape[1] - 1),
        ):
            if points < self.horizon:
                raise DataError(
                    f"the {name} trajectories have {points} steps, but task.horizon is "
                    f"{self.horizon}: lengthen them (task.data.steps) or lower the horizon"
                )
        if self.training.observed.shape[1] < self.kernel:
            raise DataError(
                f"the observed trajectories have {self.training.observed.shape[1]} time points, "
                f"fewer than task.kernel={self.kernel}"
            )

    def build(
        self, make_model: ModelFactory, replicas: int, streams: RandomStreams
    ) -> DynamicsModel:
        """Encoder and cell: the cell maps (d, v, z) to the next (d, v)."""
        cell = make_model(
            in_features=3, out_features=2, replicas=replicas, generator=streams["init"]
        )
        encoder = TrajectoryEncoder(
            2, 1, replicas, self.filters, self.kernel, generator=streams["encoder"]
        )
        self._batches = {
            steps: _batch(self.training, steps, torch.float32) for steps in (1, self.horizon)
        }
        scale = self.training.observed.std((0, 1)).clamp(min=1e-9)
        reach = self.training.followed[:, : self.horizon + 1].abs().max()
        return DynamicsModel(encoder, cell, scale.float(), 10 * float(reach))

    def batch(self, progress: Progress) -> DynamicsBatch:
        """All training pairs; one step ahead in the first phase, `horizon` steps after it."""
        return self._batches[1 if progress.phase == 0 else self.horizon]

    def validate(self, model: EnergyModel[DynamicsBatch]) -> Tensor:
        """Mean squared error over `horizon` steps of the validation pairs, `(R,)`."""
        dtype = next(model.parameters()).dtype
        return model.energy(_batch(self.validation, self.horizon, dtype)).data

    def describe(self, model: EnergyModel[DynamicsBatch], replica: int) -> Mapping[str, str]:
        """The equations of one replica as they stand, small weights left out."""
        if not isinstance(model, DynamicsModel) or not isinstance(model.cell, SymbolicModel):
            return {}
        equations = model.cell.expressions(VARIABLES, threshold=0.01)[replica]
        return {
            name: f"{_readable(equation):.3g}"
            for name, equation in zip(OUTPUTS, equations, strict=True)
        }

    @torch.no_grad()
    def conclude(
        self,
        found: Contender[DynamicsBatch],
        reference: Contender[DynamicsBatch] | None = None,
    ) -> Conclusion:
        """Finish the best replicas, choose the simplest law, and roll it out far beyond training.

        Arguments:
            found: The trained model.
            reference: Another trained model, such as a plain network, to be shown beside.
        """
        law = self._law(found)
        motions = {found.name: measure_motion(law, self.test, self.horizon)}
        metrics = self._metrics(law)
        metrics["complexity"] = float(sum(e.complexity for e in law.equations))
        if reference is not None:
            other = self._law(reference)
            motions[reference.name] = measure_motion(other, self.test, self.horizon)
            metrics |= {f"reference_{k}": v for k, v in self._metrics(other).items()}
        return Conclusion(
            metrics=metrics,
            expressions=dict(zip(OUTPUTS, law.equations, strict=False)),
            summary=summarise(metrics, self.horizon, self.data.steps, self.data.wider),
            figures={"motion": draw_motion(motions, self.horizon)},
        )

    def _metrics(self, law: Law) -> dict[str, float]:
        wide = measure_motion(law, self.wide_test, self.horizon)
        seen = measure_motion(law, self.test, self.horizon)
        return seen.metrics() | {"extrapolation_error": wide.rollout_error}

    def _law(self, contender: Contender[DynamicsBatch]) -> Law:
        if not isinstance(contender.model, DynamicsModel):
            raise TypeError(f"expected what build() made, but got {type(contender.model)}")
        precise = copy.deepcopy(contender.model).double().eval()
        errors = torch.where(contender.active, self.validate(precise), torch.inf)
        law = find_law(
            precise, errors, self.training, self.horizon, self.finalists, self.tolerance
        )
        if law.equations and law.finished and self.refinement > 0:
            batch = _batch(self.training, self.horizon, torch.float64)
            law = refine_law(law, precise, self.training, batch, self.refinement)
        return law


def _batch(pairs: TrajectoryPairs, horizon: int, dtype: torch.dtype) -> DynamicsBatch:
    followed = pairs.followed[:, : horizon + 1].to(dtype)
    return DynamicsBatch(pairs.observed.to(dtype), followed[:, 0], followed[:, 1:])


def _readable(equation: Expression) -> Expression:
    """Simplified if that is quick; an unpruned network is left as it is."""
    return simplify(equation, seconds=1.0) if equation.complexity <= 100 else equation
