"""What the tasks share that learn a law of motion with an unseen parameter from trajectories.

An encoder sees one trajectory, a recurrent cell propagates another with the same parameter;
only trajectories are given.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.dynamics import DynamicsBatch, DynamicsModel, TrajectoryEncoder
from esr.equations import Expression, simplify
from esr.errors import ConfigurationError, DataError
from esr.models import EnergyModel, SymbolicModel
from esr.random import RandomStreams
from esr.training import Callback, Phase, Progress
from experiments.tasks.dynamics_data import TrajectoryData, TrajectoryPairs
from experiments.tasks.dynamics_figure import draw_motion
from experiments.tasks.dynamics_law import OUTPUTS, RATES, Law, find_law
from experiments.tasks.dynamics_measures import Motion, measure_motion, summarise
from experiments.tasks.dynamics_transitions import VARIABLES
from experiments.tasks.task import Conclusion, Contender, ModelFactory

__all__ = ["DynamicsTask", "EncoderSizes", "Finishing", "steps_ahead"]


@dataclass(frozen=True)
class EncoderSizes:
    """Number of filters of the encoder, and length of its convolution in time points."""

    filters: int
    kernel: int


@dataclass(frozen=True)
class Finishing:
    """How trained replicas become a law.

    Arguments:
        finalists: How many of the best replicas are finished.
        tolerance: Smallest effect on one step, in units of a target's standard deviation, that
            a term must have to stay in the law.
        refinement: Largest number of L-BFGS iterations in which the encoder and the constants
            settle on each other under the law that was found; 0 for none.
        pairs: How many training pairs decide which terms stay; all unless given.
    """

    finalists: int
    tolerance: float
    refinement: int
    pairs: int | None = None

    def __post_init__(self) -> None:
        if self.finalists < 1 or self.refinement < 0:
            raise ConfigurationError(
                "task.finalists must be at least 1 and task.refinement at least 0, but they are "
                f"{self.finalists} and {self.refinement}"
            )
        if self.pairs is not None and self.pairs < 2:
            raise ConfigurationError(
                f"task.finishing.pairs must be at least 2, but is {self.pairs}"
            )


class DynamicsTask(ABC):
    """A law of motion with an unseen parameter.

    Arguments:
        phases: The schedule of training.
        data: Where trajectories come from.
        horizons: Number of recurrent steps trained on in each phase, the last one from then on.
        encoder: Sizes of the encoder.
        finishing: How the law is read.
    Raises:
        ConfigurationError: If a size does not fit.
    """

    parameter: str
    """What the unseen parameter is called."""
    shown: int = 6
    """Number of motions in the figure."""
    latent_offset: bool = False
    """Whether a latent may differ from the parameter by an offset besides its unit."""
    callbacks: Sequence[Callback[DynamicsBatch]] = ()

    def __init__(
        self,
        phases: Mapping[str, Phase],
        data: TrajectoryData,
        horizons: Sequence[int],
        encoder: EncoderSizes,
        finishing: Finishing,
    ) -> None:
        if not 1 <= encoder.kernel <= data.observed:
            raise ConfigurationError(
                f"task.kernel must be from 1 to the {data.observed} observed time points "
                f"(task.data.observed), but is {encoder.kernel}"
            )
        self.phases, self.data, self.horizons = dict(phases), data, tuple(horizons)
        self.horizon = max(self.horizons)
        self.encoder, self.finishing = encoder, finishing

    @property
    def deciding(self) -> TrajectoryPairs:
        """The training pairs that decide which terms stay in the law."""
        return self.training.rows(0, self.finishing.pairs or len(self.training.parameter))

    def precise(self, model: DynamicsModel) -> DynamicsModel:
        """A copy of a trained model in float64, for evaluation."""
        return copy.deepcopy(model).double().eval()

    @abstractmethod
    def finish(self, law: Law, model: DynamicsModel) -> Law:
        """The last touches to a law that was read from a model in float64."""

    def measures(self, law: Law) -> dict[str, float]:
        """Measures of a law besides those of its roll-outs."""
        return {}

    def summary_rows(self, metrics: Mapping[str, float]) -> list[tuple[str, str]]:
        """Rows of the closing table besides those on roll-outs."""
        return []

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
        if self.training.observed.shape[1] < self.encoder.kernel:
            raise DataError(
                f"the observed trajectories have {self.training.observed.shape[1]} time points, "
                f"fewer than task.kernel={self.encoder.kernel}"
            )

    def build(
        self, make_model: ModelFactory, replicas: int, streams: RandomStreams
    ) -> DynamicsModel:
        """Encoder and cell: the cell maps (d, v, z) to the next (d, v) or their rates."""
        cell = make_model(
            in_features=3, out_features=2, replicas=replicas, generator=streams["init"]
        )
        encoder = TrajectoryEncoder(
            2, 1, replicas, self.encoder.filters, self.encoder.kernel, generator=streams["encoder"]
        )
        scale = self.training.observed.std((0, 1)).clamp(min=1e-9)
        reach = self.training.followed[:, : self.horizon + 1].abs().max()
        return DynamicsModel(encoder, cell, scale.float(), 10 * float(reach), self.data.time_step)

    def batch(self, progress: Progress) -> DynamicsBatch:
        """All training pairs from their first states, as many steps ahead as the phase says."""
        return steps_ahead(self.training, self.horizon_in(progress.phase), torch.float32)

    def horizon_in(self, phase: int) -> int:
        """Number of recurrent steps trained on in a phase."""
        return self.horizons[min(phase, len(self.horizons) - 1)]

    def validate(self, model: EnergyModel[DynamicsBatch]) -> Tensor:
        """Mean squared error over the longest horizon of the validation pairs, `(R,)`."""
        dtype = next(model.parameters()).dtype
        return model.energy(steps_ahead(self.validation, self.horizon, dtype)).data

    def describe(self, model: EnergyModel[DynamicsBatch], replica: int) -> Mapping[str, str]:
        """What the cell of one replica computes as it stands, small weights left out."""
        if not isinstance(model, DynamicsModel) or not isinstance(model.cell, SymbolicModel):
            return {}
        names = OUTPUTS if model.time_step is None else RATES
        equations = model.cell.expressions(VARIABLES, threshold=0.01)[replica]
        return {
            name: f"{_readable(equation):.3g}"
            for name, equation in zip(names, equations, strict=True)
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
        equations = law.next_state()
        motions = {found.name: self._motion(law, self.test)}
        metrics = self._metrics(law)
        metrics["complexity"] = float(sum(e.complexity for e in equations))
        if reference is not None:
            other = self._law(reference)
            motions[reference.name] = self._motion(other, self.test)
            metrics |= {f"reference_{k}": v for k, v in self._metrics(other).items()}
        rows = summarise(metrics, self.parameter, self.horizon, self.data.steps, self.data.wider)
        return Conclusion(
            metrics=metrics,
            expressions=dict(zip(OUTPUTS, equations, strict=False)),
            summary=[*rows, *self.summary_rows(metrics)],
            figures={"motion": draw_motion(motions, self.horizon, self.parameter, self.shown)},
        )

    def _motion(self, law: Law, pairs: TrajectoryPairs) -> Motion:
        return measure_motion(law, pairs, self.horizon, self.latent_offset)

    def _metrics(self, law: Law) -> dict[str, float]:
        seen, wide = self._motion(law, self.test), self._motion(law, self.wide_test)
        return (
            seen.metrics(self.parameter)
            | {"extrapolation_error": wide.rollout_error}
            | self.measures(law)
        )

    def _law(self, contender: Contender[DynamicsBatch]) -> Law:
        if not isinstance(contender.model, DynamicsModel):
            raise TypeError(f"expected what build() made, but got {type(contender.model)}")
        precise = self.precise(contender.model)
        errors = torch.where(contender.active, self.validate(precise), torch.inf)
        settings = self.finishing
        law = find_law(
            precise, errors, self.deciding, self.horizon, settings.finalists, settings.tolerance
        )
        return self.finish(law, precise) if law.equations and law.finished else law


def steps_ahead(
    pairs: TrajectoryPairs, horizon: int, dtype: torch.dtype, first: int = 0
) -> DynamicsBatch:
    """The followed motions from step `first` on, `horizon` steps ahead."""
    followed = pairs.followed[:, first : first + horizon + 1].to(dtype)
    return DynamicsBatch(pairs.observed.to(dtype), followed[:, 0], followed[:, 1:])


def _readable(equation: Expression) -> Expression:
    """Simplified if that is quick; an unpruned network is left as it is."""
    return simplify(equation, seconds=1.0) if equation.complexity <= 100 else equation
