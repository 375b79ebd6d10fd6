"""Exceptions that callers may want to catch, and the wording of a suggestion."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

__all__ = [
    "ConfigurationError",
    "DataError",
    "Fault",
    "ParseError",
    "RuleError",
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
        super().__init__(_pointed_at(reason, text, line, column))


@dataclass(frozen=True)
class Fault:
    """One mistake in rule text.

    Arguments:
        reason: What was expected, what came and what to do.
        text: The whole text that was read.
        line: Line of the fault, counted from 1.
        column: Column of the fault, counted from 1.
        file: Name of the file the text is from; empty if it has none.
    """

    reason: str
    text: str
    line: int
    column: int
    file: str = ""

    def __str__(self) -> str:
        return _pointed_at(self.reason, self.text, self.line, self.column, self.file)


class RuleError(ValueError):
    """Rule text that cannot be used; the message shows every fault with a caret.

    Arguments:
        faults: At least one, in the order of the text.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = f"{len(self.faults)} mistakes in the rules:\n" if len(self.faults) > 1 else ""
        super().__init__(count + "\n".join(str(fault) for fault in self.faults))


def _pointed_at(reason: str, text: str, line: int, column: int, file: str = "") -> str:
    """A reason with its place, the line it is about and a caret below."""
    lines = text.splitlines() or [""]
    shown = lines[min(line, len(lines)) - 1]
    start = max(0, column - 60)
    window = shown[start : start + 100]
    caret = " " * (column - 1 - start) + "^"
    place = f"{file}, line {line}" if file else f"line {line}"
    return f"{reason} ({place}, column {column})\n    {window}\n    {caret}"


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
