"""What one training step lowers, and where its batch comes from."""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Generator

from esr.models import Energy, EnergyModel

__all__ = ["BatchSource", "Objective", "Progress", "plain_energy"]

BatchT = TypeVar("BatchT")
BatchT_co = TypeVar("BatchT_co", covariant=True)
BatchT_contra = TypeVar("BatchT_contra", contravariant=True)


@dataclass(frozen=True)
class Progress:
    """How far training is: the step, the phase's index, and the fraction of all steps done."""

    step: int
    phase: int
    fraction: float


class BatchSource(Protocol[BatchT_co]):
    """Gives the batch of each step. It is a function of progress alone, so a resumed run sees
    the batches it would have seen."""

    def batch(self, progress: Progress) -> BatchT_co:
        """The batch for the step at `progress`."""
        ...


class Objective(Protocol):
    """What one step lowers: the plain energy, or a meta-learning energy built from it."""

    def __call__(
        self, model: EnergyModel[BatchT], batch: BatchT, *, generator: Generator
    ) -> Energy:
        """The energy of each replica."""
        ...


def plain_energy(model: EnergyModel[BatchT], batch: BatchT, *, generator: Generator) -> Energy:
    """The model's own energy."""
    return model.energy(batch, generator=generator)
