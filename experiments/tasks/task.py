"""Contract of a task: what an experiment trains on, validates with and concludes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, runtime_checkable

import torch
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure
from torch import Generator, Tensor

from esr.equations import Expression
from esr.models import BatchT, EnergyModel, FunctionModel
from esr.random import RandomStreams
from esr.training import Callback, Phase, Progress

__all__ = ["Checking", "Conclusion", "Contender", "ModelFactory", "Task"]


class ModelFactory(Protocol):
    """Makes the model a configuration names, once the task has said which sizes it needs."""

    def __call__(
        self, *, in_features: int, out_features: int, replicas: int, generator: Generator
    ) -> FunctionModel:
        """A model from `in_features` inputs to `out_features` outputs."""
        ...


@dataclass(frozen=True)
class Contender(Generic[BatchT]):
    """A trained model.

    Arguments:
        name: What to call it, such as the name of its configuration.
        model: Trained on the task.
        active: Replicas that trained to the end, bool `(R,)`.
    """

    name: str
    model: EnergyModel[BatchT]
    active: Tensor


@dataclass(frozen=True)
class Conclusion:
    """What a task found, ready to be recorded.

    Arguments:
        metrics: Flat name to number.
        expressions: Name to the equation found; empty for a model without equations.
        summary: Rows (what, figure) of the closing table, in order.
        figures: Name to figure.
        animations: Name to moving picture.
        frames: Name to some steps of training with a picture of each: red, green, blue, uint8
            `(height, width, 3)`.
        texts: Name of a file in the run's folder to what it shall hold.
        curves: Name to points (step, value) of what has steps of its own, not those of training.
        models: Name of a file in the run's folder to the model and the index of the replica that
            shall be saved there, for other runs to start from.
        files: Name of a file in the run's folder to what writes it there.
        choices: Groups of configurations to what really counted, where data that were read have
            settings of their own.
    """

    metrics: Mapping[str, float]
    expressions: Mapping[str, Expression] = field(default_factory=dict)
    summary: Sequence[tuple[str, str]] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    animations: Mapping[str, FuncAnimation] = field(default_factory=dict)
    frames: Mapping[str, Sequence[tuple[int, Tensor]]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    models: Mapping[str, tuple[FunctionModel, int]] = field(default_factory=dict)
    files: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)


class Task(Protocol[BatchT]):
    """Data and the wiring around a model. A task is the batch source of its own training."""

    phases: Mapping[str, Phase]
    callbacks: Sequence[Callback[BatchT]]
    """Listeners of the task's own, such as one that records what will be drawn."""

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Make or read the data; refuses what cannot be trained on with a `DataError`."""
        ...

    def build(
        self, make_model: ModelFactory, replicas: int, streams: RandomStreams
    ) -> EnergyModel[BatchT]:
        """The model to train, around what `make_model` makes."""
        ...

    def batch(self, progress: Progress) -> BatchT:
        """The batch for a step."""
        ...

    def validate(self, model: EnergyModel[BatchT]) -> Tensor:
        """Each replica's validation error, `(R,)`."""
        ...

    def describe(self, model: EnergyModel[BatchT], replica: int) -> Mapping[str, str]:
        """The equations of one replica as they stand, name to text; empty if it has none."""
        ...

    def conclude(
        self, found: Contender[BatchT], reference: Contender[BatchT] | None = None
    ) -> Conclusion:
        """Choose among the active replicas, finish, and measure; show the reference beside."""
        ...


@runtime_checkable
class Checking(Protocol):
    """A task whose preparation takes long, so that it looks at what it shall train before."""

    def check(self, make_model: ModelFactory) -> None:
        """Refuse what makes no model for this task.

        Raises:
            TypeError: If it does not take what the task gives.
            ConfigurationError: If what it makes is of another kind.
        """
        ...
