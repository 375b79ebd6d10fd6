"""What training tells its listeners."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from torch import Tensor

from esr.models import EnergyModel

__all__ = ["Callback", "Report"]

BatchT = TypeVar("BatchT")


@dataclass(frozen=True)
class Report:
    """The state of training after a step.

    Arguments:
        step: Steps done, from 1 to `total_steps`.
        total_steps: Steps of the whole schedule.
        phase: Name of the phase under way.
        learning_rate: At this step.
        structure_scale: Factor on the structure term at this step.
        data: Data misfit of each replica, `(R,)`, on the CPU.
        structure: Structure energy of each replica, unscaled, `(R,)`, on the CPU.
        validation: Validation error of each replica, `(R,)`, on the CPU; the data misfit if the
            trainer has no validation.
        diverged: How often each replica has diverged, `(R,)`, on the CPU.
        clipped: In how many steps so far each replica's gradient was clipped, `(R,)`, on the CPU.
        seconds: Time spent training so far, earlier sessions included.
        own_seconds: Time spent since this process began or resumed training.
        own_steps: Steps done since then.
        tallies: The model's own tallies, name to numbers `(R,)`, on the CPU.
    """

    step: int
    total_steps: int
    phase: str
    learning_rate: float
    structure_scale: float
    data: Tensor
    structure: Tensor
    validation: Tensor
    diverged: Tensor
    clipped: Tensor
    seconds: float
    own_seconds: float
    own_steps: int
    tallies: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def best_replica(self) -> int:
        """Index of the replica with the lowest finite validation error."""
        return int(self.validation.nan_to_num(nan=float("inf")).argmin())

    @property
    def remaining_seconds(self) -> float:
        """Time to the end of the schedule at this session's speed."""
        return self.own_seconds / self.own_steps * (self.total_steps - self.step)


class Callback(Protocol[BatchT]):
    """A listener to training; it must not change the model."""

    def started(self, total_steps: int, step: int) -> None:
        """Training is about to begin, or to go on after `step` steps."""
        ...

    def reported(self, report: Report, model: EnergyModel[BatchT]) -> None:
        """A report is due; the model is in evaluation mode."""
        ...

    def finished(self, interrupted: bool) -> None:
        """Training has ended, is interrupted, or has failed."""
        ...
