"""What a run writes for TensorBoard: the same tags for every method."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic

from torch.utils.tensorboard import SummaryWriter

from esr.equations import Expression
from esr.models import BatchT, EnergyModel
from esr.training import Report
from experiments.picture import pixels_of
from experiments.tasks.task import Conclusion

__all__ = ["TensorBoardLog"]

IMPROVEMENT = 0.9
Description = Callable[[EnergyModel[BatchT], int], Mapping[str, str]]


class TensorBoardLog(Generic[BatchT]):
    """Training callback that writes scalars, and the equations whenever they improve.

    Arguments:
        folder: Where the event file is written.
        describe: Gives the equations of a replica as text.
    """

    def __init__(self, folder: Path, describe: Description[BatchT]) -> None:
        self._folder, self._describe = folder, describe
        self._writer: SummaryWriter | None = None
        self._best, self._phase = math.inf, ""

    def started(self, total_steps: int, step: int) -> None:
        """Open the event file; what an earlier, killed process wrote after `step` is void."""
        self._writer = SummaryWriter(str(self._folder), purge_step=step + 1 if step else None)

    def reported(self, report: Report, model: EnergyModel[BatchT]) -> None:
        """Write the state of the best replica."""
        writer, best, step = self._open(), report.best_replica, report.step
        data, structure = float(report.data[best]), float(report.structure[best])
        error = float(report.validation[best])
        for tag, value in (
            ("energy/data", data),
            ("energy/structure", structure),
            ("energy/total", data + report.structure_scale * structure),
            ("validation/best", error),
            ("validation/median", float(report.validation.nanmedian())),
            ("replicas/diverged", float(report.diverged.sum())),
            ("replicas/clipped", float(report.clipped[best]) / step),
            ("schedule/learning_rate", report.learning_rate),
            ("schedule/structure", report.structure_scale),
            *((f"tallies/{name}", float(t[best])) for name, t in report.tallies.items()),
        ):
            writer.add_scalar(tag, value, step)
        if report.phase != self._phase or error < IMPROVEMENT * self._best:
            self._best = error if report.phase != self._phase else min(self._best, error)
            self._phase = report.phase
            for name, text in self._describe(model, best).items():
                writer.add_text(f"equations/{name}", f"`{text}`", step)

    def finished(self, interrupted: bool) -> None:
        """Flush; the file stays open for the conclusion."""
        self._open().flush()

    def conclude(
        self, conclusion: Conclusion, settings: Mapping[str, str | float], step: int
    ) -> None:
        """Write the equations found, the figures, frames and curves at the steps they belong to,
        texts, and the hparams entry, and close."""
        writer = self._open()
        for name, expression in conclusion.expressions.items():
            writer.add_text(f"equations/{name}", _found(expression), step)
        for name, figure in conclusion.figures.items():
            writer.add_image(name, pixels_of(figure), step, dataformats="HWC")
        for name, frames in conclusion.frames.items():
            for moment, pixels in frames:
                writer.add_image(f"frames/{name}", pixels, moment, dataformats="HWC")
        for name, points in conclusion.curves.items():
            for moment, value in points:
                writer.add_scalar(name, value, moment)
        for file, text in conclusion.texts.items():
            writer.add_text(f"texts/{file}", _verbatim(text), step)
        metrics = {
            f"hp/{name}": value
            for name, value in conclusion.metrics.items()
            if math.isfinite(value) and not name.startswith("reference_")
        }
        writer.add_hparams(dict(settings), metrics, run_name=".", global_step=step)
        writer.close()

    def _open(self) -> SummaryWriter:
        if self._writer is None:
            raise RuntimeError("the log was used before training started")
        return self._writer


def _verbatim(text: str) -> str:
    """Markdown that shows a text as it is: every line indented."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def _found(expression: Expression) -> str:
    return f"found: `{expression:.6g}`"
