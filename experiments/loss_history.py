"""What the losses were as training went on."""

from esr.models import BatchT, EnergyModel
from esr.training import Report

__all__ = ["LossHistory"]


class LossHistory:
    """Training callback that keeps the best replica's losses for a figure.

    A run that was resumed knows those since it was; the event file has all.
    """

    def __init__(self) -> None:
        self.points: list[tuple[int, float, float]] = []
        """Step, loss on the batch, and validation error."""

    def started(self, total_steps: int, step: int) -> None:
        """Begin anew."""
        self.points.clear()

    def reported(self, report: Report, model: EnergyModel[BatchT]) -> None:
        """Keep the losses."""
        best = report.best_replica
        losses = float(report.data[best]), float(report.validation[best])
        self.points.append((report.step, *losses))

    def finished(self, interrupted: bool) -> None:
        """Nothing to do."""
