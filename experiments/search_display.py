"""What a person sees in the terminal while an engine searches: time, error and equation."""

import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from esr.models import EnergyModel
from esr.training import Report

__all__ = ["PlainSearch", "TerminalSearch", "search_display"]

SECONDS_BETWEEN_LINES = 5.0
_LONGEST = 70
_TICKS = 1000

Describe = Callable[[EnergyModel[object], int], Mapping[str, str]]


def search_display(
    console: Console, title: str, describe: Describe
) -> "TerminalSearch | PlainSearch":
    """A moving bar on a terminal, plain lines elsewhere.

    Arguments:
        console: Where to show it.
        title: Short name of the run.
        describe: Gives the equation of a replica as text.
    """
    if console.is_terminal:
        return TerminalSearch(console, title, describe)
    return PlainSearch(title, describe)


class TerminalSearch:
    """Training callback: a bar of the time that is allowed, and the best equation so far."""

    def __init__(self, console: Console, title: str, describe: Describe) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TimeElapsedColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
        )
        self._title, self._describe = title, describe
        self._task: TaskID | None = None

    def started(self, total_steps: int, step: int) -> None:
        """Show the bar."""
        self._task = self._bar.add_task(
            escape(self._title), total=total_steps, completed=step, state="starting"
        )
        self._bar.start()

    def reported(self, report: Report, model: EnergyModel[object]) -> None:
        """Move the bar."""
        if self._task is not None:
            state = escape(_state(report, model, self._describe))
            self._bar.update(
                self._task, completed=report.step, total=report.total_steps, state=state
            )

    def finished(self, interrupted: bool) -> None:
        """Leave the bar as it stands."""
        self._bar.stop()


class PlainSearch:
    """Training callback: a line every few seconds, and one when a search ends."""

    def __init__(self, title: str, describe: Describe) -> None:
        self._title, self._describe = title, describe
        self._last, self._phase, self._line = 0.0, "", ""

    def started(self, total_steps: int, step: int) -> None:
        """Say for how long the search may go on."""
        seconds = (total_steps - step) / _TICKS
        print(f"{self._title}: searching for at most {seconds:.4g} s", flush=True)
        self._last = time.monotonic()

    def reported(self, report: Report, model: EnergyModel[object]) -> None:
        """Say what has been found, if it is time."""
        if report.phase != self._phase and self._line:
            print(self._line, flush=True)
        self._phase = report.phase
        self._line = (
            f"{self._title}: {report.seconds:.1f} s, {_state(report, model, self._describe)}"
        )
        if time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            print(self._line, flush=True)
            self._last, self._line = time.monotonic(), ""

    def finished(self, interrupted: bool) -> None:
        """Say where it ended."""
        if self._line:
            print(self._line, flush=True)
        if interrupted:
            print(f"{self._title}: interrupted", flush=True)


def _state(report: Report, model: EnergyModel[object], describe: Describe) -> str:
    """The best equation of the search under way, with its error."""
    best = report.best_replica
    found = [f"{name} = {text}" for name, text in describe(model, best).items()]
    if not found:
        return f"{report.phase}: nothing yet"
    text = found[0] if len(found[0]) <= _LONGEST else f"{found[0][: _LONGEST - 3]}..."
    return f"error {float(report.validation[best]) ** 0.5:.2e}, {text}"
