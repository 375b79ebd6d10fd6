"""What a person sees in the terminal: progress while training, and the closing table."""

import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from esr.equations import Expression
from esr.models import BatchT, EnergyModel
from esr.training import Report
from experiments.record import RESULT
from experiments.starting_point import INIT
from experiments.tasks.task import Conclusion

__all__ = ["PlainProgress", "TerminalProgress", "progress_display", "show_conclusion"]

SECONDS_BETWEEN_LINES = 5.0
LARGEST_SHOWN = 100


def progress_display(console: Console, title: str) -> "TerminalProgress | PlainProgress":
    """A moving bar on a terminal, plain lines elsewhere."""
    return TerminalProgress(console, title) if console.is_terminal else PlainProgress(title)


class TerminalProgress:
    """Training callback: a progress bar with the phase, the best error and the time left."""

    def __init__(self, console: Console, title: str) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=console,
        )
        self._title = title
        self._task: TaskID | None = None

    def started(self, total_steps: int, step: int) -> None:
        """Show the bar."""
        self._task = self._bar.add_task(
            self._title, total=total_steps, completed=step, state="starting"
        )
        self._bar.start()

    def reported(self, report: Report, model: EnergyModel[BatchT]) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bar.update(self._task, completed=report.step, state=_state(report))

    def finished(self, interrupted: bool) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()


class PlainProgress:
    """Training callback: a line when a phase begins and every few seconds."""

    def __init__(self, title: str) -> None:
        self._title, self._phase, self._last = title, "", 0.0

    def started(self, total_steps: int, step: int) -> None:
        """Say that training begins, or where it goes on."""
        place = f"from step {step} of" if step else "for"
        print(f"{self._title}: training {place} {total_steps} steps", flush=True)

    def reported(self, report: Report, model: EnergyModel[BatchT]) -> None:
        """Say how far training is, if it is time."""
        now = time.monotonic()
        last = report.step == report.total_steps
        if report.phase == self._phase and now - self._last < SECONDS_BETWEEN_LINES and not last:
            return
        self._phase, self._last = report.phase, now
        remaining = round(report.remaining_seconds)
        print(
            f"{self._title}: {report.step}/{report.total_steps} {_state(report)}, "
            f"{remaining // 60}:{remaining % 60:02} left",
            flush=True,
        )

    def finished(self, interrupted: bool) -> None:
        """Say so if training was interrupted."""
        if interrupted:
            print(f"{self._title}: interrupted", flush=True)


def show_conclusion(
    console: Console, title: str, conclusion: Conclusion, folder: Path, outputs: str
) -> None:
    """Print the equations found, the closing table, where to look and how to go on."""
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, expression in conclusion.expressions.items():
        table.add_row(name, _shown(expression), style="bold")
    for label, value in conclusion.summary:
        table.add_row(escape(label), escape(value))
    console.print(table)
    console.print(f"record and figures: {folder}", soft_wrap=True, highlight=False)
    for file in conclusion.models:
        start = f"start another run from it: model.{INIT}={folder / file}"
        console.print(start, soft_wrap=True, highlight=False)
    console.print(f"compare runs: tensorboard --logdir {outputs}", soft_wrap=True, highlight=False)


def _shown(expression: Expression) -> str:
    if expression.complexity <= LARGEST_SHOWN:
        return f"{expression:.5g}"
    return f"an equation of {expression.complexity} nodes, in {RESULT}"


def _state(report: Report) -> str:
    best = float(report.validation[report.best_replica])
    lost = int(report.diverged.sum())
    restarts = f", {lost} diverged" if lost else ""
    return f"{report.phase}, best validation error {best:.2e}{restarts}"
