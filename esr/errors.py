"""Exceptions that callers may want to catch, and the wording of a suggestion."""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "ConfigurationError",
    "DataError",
    "ParseError",
    "TrainingError",
    "nearest",
    "suggestion",
]


class ConfigurationError(ValueError):
    """A setting that cannot work: an unknown name, a size below one, a device that is absent."""


class DataError(ValueError):
    """Data that cannot be trained on: NaN or infinite values, wrong shapes, a missing file."""


class TrainingError(RuntimeError):
    """Training that cannot go on, for instance because every replica diverged."""


class ParseError(ValueError):
    """Text that is not an expression; the message shows the place with a caret.

    Arguments:
        reason: What was expected, what came and what to do.
        text: The whole text that was read.
        line: Line of the fault, counted from 1.
        column: Column of the fault, counted from 1.
    """

    def __init__(self, reason: str, text: str, line: int, column: int) -> None:
        self.reason, self.text, self.line, self.column = reason, text, line, column
        lines = text.splitlines() or [""]
        shown = lines[min(line, len(lines)) - 1]
        start = max(0, column - 60)
        window = shown[start : start + 100]
        caret = " " * (column - 1 - start) + "^"
        super().__init__(f"{reason} (line {line}, column {column})\n    {window}\n    {caret}")


def nearest(name: str, valid: Iterable[str], count: int = 3) -> list[str]:
    """The valid names that resemble `name` most, best first, at most `count`."""
    return get_close_matches(name, sorted(set(valid)), n=count, cutoff=0.5)


def suggestion(name: str, valid: Iterable[str]) -> str:
    """A clause for an error message: the nearest valid names, or all of them if none is near.

    Arguments:
        name: The name that was not recognised.
        valid: The names that would have been.
    Returns:
        For instance `did you mean 'sin'?` or `valid names: cos, sin`.
    """
    known = sorted(set(valid))
    close = nearest(name, known)
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "valid names: " + (", ".join(known) if known else "none")
