"""Reading what `python -m experiments.rules` is given: programs, values, rows and neurons."""

import math
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from esr.errors import ConfigurationError, DataError, suggestion
from esr.hopfield import Grid
from esr.rules import RuleProgram, standard
from esr.rules.includes import standard_names

__all__ = [
    "first_sentence",
    "neurons_of",
    "parameters_of",
    "program_of",
    "rows_of",
    "standard_text",
    "text_of",
]

_ENDING = ".rules"
_LARGEST = 1e15
_WORDS = re.compile(r"""'[^']*'|"[^"]*"|[^\s,]+""")

Row = list[str | float]


def program_of(name: str) -> RuleProgram:
    """A standard program by its name, or the program in a file.

    Raises:
        RuleError: If there are faults in it; all of them are shown.
        ConfigurationError: If it is neither a file nor a standard name.
        DataError: If the file cannot be read.
    """
    if _is_path(name):
        text_of(name)  # tells what is wrong with a file that is no text
        return RuleProgram.read(name)
    return standard(name)


def text_of(name: str) -> str:
    """The text of a standard program or of a file.

    Raises:
        ConfigurationError: If it is neither a file nor a standard name.
        DataError: If the file cannot be read.
    """
    if not _is_path(name):
        standard(name)  # refuses names that are unknown
        return standard_text(name)
    return _contents(name)


def standard_text(name: str) -> str:
    """The text of a standard program."""
    entry = files("esr.rules").joinpath("standard", f"{name}{_ENDING}")
    return entry.read_text(encoding="utf-8")


def first_sentence(text: str) -> str:
    """The first sentence of the comment that a program begins with."""
    words: list[str] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        for word in line[1:].split():
            words.append(word)
            if word.endswith("."):
                return " ".join(words)
    return " ".join(words)


def parameters_of(texts: Sequence[str]) -> dict[str, float]:
    """Values of parameters from texts such as `n=12`.

    Raises:
        ConfigurationError: If a text has another form.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        number = _number(value.strip())
        if not equals or number is None or abs(number) > _LARGEST:
            raise ConfigurationError(
                "--set takes parameter=number, such as n=12, at most 1e15 in size, but got "
                f"'{text}'"
            )
        found[name.strip()] = number
    return found


def rows_of(texts: Sequence[str]) -> dict[str, list[Row]]:
    """Rows of inputs from texts such as `edges=FILE`.

    A line of the file is a row, its values separated by commas or white space. Lines that are
    empty or begin with `#` are left out. What reads as a number is one, unless in quotes.

    Raises:
        ConfigurationError: If a text has another form.
        DataError: If a file cannot be read.
    """
    found = {}
    for text in texts:
        name, equals, file = text.partition("=")
        if not equals or not name or not file:
            raise ConfigurationError(
                f"--input takes NAME=FILE, such as edges=edges.csv, but got '{text}'"
            )
        lines = [line.strip() for line in _contents(file).splitlines()]
        found[name] = [
            [_value(word) for word in _WORDS.findall(line)]
            for line in lines
            if line and not line.startswith("#")
        ]
    return found


def neurons_of(texts: Sequence[str], grid: Grid) -> list[int]:
    """Flat indices of neurons written as the values of all axes, such as `3,'+'`.

    Raises:
        ConfigurationError: If an axis has no such value, or their number is wrong.
    """
    neurons = []
    for text in texts:
        words = [word.strip("'\"") for word in _WORDS.findall(text.removeprefix("V").strip("[] "))]
        values: list[str | int] = []
        for place, word in enumerate(words):
            known = grid.axes[place].values if place < len(grid.axes) else ()
            values.append(next((value for value in known if str(value) == word), word))
        neurons.append(grid.neuron(*values))
    return neurons


def _is_path(name: str) -> bool:
    """Whether a text stands for a file rather than a standard program."""
    if Path(name).is_file() or name.endswith(_ENDING) or len(Path(name).parts) > 1:
        return True
    if name in standard_names():
        return False
    raise ConfigurationError(
        f"there is no file and there are no standard rules '{name}'; "
        f"{suggestion(name, standard_names())}"
    )


def _contents(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"'{file}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"'{file}' is no text in UTF-8: {error.reason}") from error


def _value(word: str) -> str | float:
    if word[0] in "'\"":
        return word[1:-1]
    number = _number(word)
    return word if number is None else number


def _number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
