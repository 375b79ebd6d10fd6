"""What a person sees while a corpus is made or checked."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from baselines.corpus import Progress

__all__ = ["display"]

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def display(console: Console, title: str) -> Iterator[Callable[[Progress], None]]:
    """A moving bar on a terminal, a line every few seconds elsewhere.

    Arguments:
        console: Where it is shown.
        title: What is being done.
    Returns:
        What wants to be told of progress.
    """
    if not console.is_terminal:
        yield _Lines(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TextColumn("{task.fields[state]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, speed_estimate_period=300) as bar:
        task = bar.add_task(title, total=None, state="")
        clock = _Clock()

        def told(progress: Progress) -> None:
            state = clock.state(progress)
            bar.update(task, completed=progress.networks, total=progress.total, state=state)

        yield told


class _Clock:
    """Knows how fast it goes."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def rate(self, progress: Progress) -> float:
        """New networks a second."""
        return progress.new / max(1e-9, time.monotonic() - self._begin)

    def state(self, progress: Progress) -> str:
        """Rate and share of converged networks, in words; nothing before there are any."""
        if progress.new == 0:
            return ""
        share = progress.converged / progress.new
        return f"{self.rate(progress):.0f} a second, {share:.2%} converged"


class _Lines:
    """Plain lines, not too many."""

    def __init__(self, title: str) -> None:
        self._title, self._clock, self._last = title, _Clock(), -float("inf")

    def __call__(self, progress: Progress) -> None:
        """Say how far it is, if it is time."""
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN_LINES and progress.networks < progress.total:
            return
        self._last = now
        parts = [f"{self._title}: {progress.networks}/{progress.total} networks"]
        if progress.new:
            left = round((progress.total - progress.networks) / self._clock.rate(progress))
            parts += [self._clock.state(progress), f"{left // 60}:{left % 60:02} left"]
        print(", ".join(parts), flush=True)
