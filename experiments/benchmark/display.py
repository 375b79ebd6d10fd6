"""What a person sees while a benchmark runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from experiments.benchmark.job import FINISHED, Job, Line
from experiments.benchmark.pool import Listener

__all__ = ["display", "outcome_text"]


@contextmanager
def display(console: Console, total: int, remaining: int) -> Iterator[Listener]:
    """A moving bar on a terminal, a line for each run elsewhere.

    Arguments:
        console: Where it is shown.
        total: Number of runs asked for.
        remaining: Number of those that are yet to be done.
    """
    if remaining < total:
        console.print(f"{total - remaining} of {total} runs are done already", highlight=False)
    if not console.is_terminal:
        yield _Lines(remaining)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[running]}"),
    )
    with Progress(*columns, console=console) as bar:
        yield _Bar(bar, bar.add_task("benchmark", total=remaining, running=""))


def outcome_text(line: Line) -> str:
    """What became of a run, in a few words."""
    if line["status"] != FINISHED:
        return f"{line['status']}: {line['error']}"
    if line["recovered"]:
        found = "recovered"
    elif line["structure_recovered"]:
        found = "right structure"
    else:
        found = "not recovered"
    return f"{found} in {line['seconds']} s"


class _Lines:
    """Plain lines, one for each run that ends."""

    def __init__(self, remaining: int) -> None:
        self._remaining, self._done = remaining, 0

    def started(self, job: Job) -> None:
        """Say nothing yet."""

    def ended(self, job: Job, line: Line) -> None:
        """Say what became of it."""
        self._done += 1
        print(f"{self._done}/{self._remaining} {job.name}: {outcome_text(line)}", flush=True)


class _Bar:
    """A bar over all runs, with those under way beside it and a line above for each that ended."""

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task = bar, task
        self._running: list[str] = []

    def started(self, job: Job) -> None:
        """Show it beside the bar."""
        self._running.append(job.name)
        self._bar.update(self._task, running=", ".join(self._running))

    def ended(self, job: Job, line: Line) -> None:
        """Count it."""
        self._running.remove(job.name)
        text = f"{job.name}: {outcome_text(line)}"
        self._bar.console.print(text, highlight=False, markup=False)
        self._bar.update(self._task, advance=1, running=", ".join(self._running))
