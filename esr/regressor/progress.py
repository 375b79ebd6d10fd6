"""What a search says while it runs, on the error stream."""

import sys

from esr.finishing import Candidate
from esr.search import Clock

__all__ = ["Progress", "say"]

_WIDTH = 100


class Progress:
    """Tells of the candidates that enter a front.

    Arguments:
        verbose: 1 for one line that is written over, 2 for a line for each candidate.
        output: What is searched for, as `y` or `y[1]`.
        clock: Counts the time of the search.
    """

    def __init__(self, verbose: int, output: str, clock: Clock) -> None:
        self._verbose, self._output, self._clock = verbose, output, clock
        self._least = float("inf")

    def __call__(self, candidate: Candidate) -> None:
        """Tell of one candidate; a single line tells of the least error so far."""
        if self._verbose < 2 and candidate.validation_error >= self._least:
            return
        self._least = min(self._least, candidate.validation_error)
        text = (
            f"{self._clock.spent:6.1f} s  loss {candidate.validation_error:.3g}  "
            f"{self._output} = {candidate.expression:.4g}"
        )
        if self._verbose < 2:
            text = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
            print(f"\r{text:<{_WIDTH}}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line that was written over."""
        if self._verbose == 1:
            print(file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Print a notice, which is no warning, on the error stream."""
    print(text, file=sys.stderr, flush=True)
