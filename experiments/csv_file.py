"""Tables of numbers in text files, read with every mistake named by its line."""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from esr.equations.names import is_name
from esr.errors import ConfigurationError, DataError, suggestion

__all__ = ["DATA", "Table", "find_file", "read_table"]

DATA = Path(__file__).resolve().parent / "data"
"""Published measurements that come with the package, to be named without folder and ending."""

_SEPARATORS = (",", ";", "\t", "|")
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-"}
_UNIT = re.compile(r"(.+?)\s*[\[(](.*)[\])]")
_SHOWN = 5


@dataclass(frozen=True)
class Table:
    """Columns of numbers, one of which is to be explained by the others.

    Arguments:
        variables: Names of the inputs, which can stand in an equation.
        target: Name of the column to explain.
        inputs: Shape `(N, D)`, float64, finite.
        targets: Shape `(N,)`, float64, finite.
        units: Of those columns whose headings have one in brackets.
        notes: What a reader should know, such as rows left out.
    """

    variables: tuple[str, ...]
    target: str
    inputs: Tensor
    targets: Tensor
    units: dict[str, str]
    notes: tuple[str, ...] = ()


def find_file(name: str) -> Path:
    """A file by its path, or one of the package's by its name.

    Raises:
        DataError: If there is neither.
    """
    own = {path.stem: path for path in sorted(DATA.glob("*.csv"))}
    path = Path(name)
    if path.is_file():
        return path
    if name in own:
        return own[name]
    raise DataError(
        f"there is no file '{name}', nor are there data of that name in the package; "
        f"{suggestion(name, own)}"
    )


def read_table(
    path: Path,
    target: str | None = None,
    inputs: Sequence[str] | None = None,
    *,
    separator: str | None = None,
    drop: bool = False,
) -> Table:
    """Read a file whose first line names the columns.

    Lines that are empty or begin with `#` are left out. A heading may have a unit in brackets,
    and becomes a name of an equation: `T [K]` is `T`, `max speed` is `max_speed`.

    Arguments:
        path: The file, in UTF-8.
        target: Name of the column to explain; the last one if None.
        inputs: Names of the others; all that have a number in them if None.
        separator: What separates cells; the one that the first line has if None.
        drop: Whether rows in which a cell is missing are left out instead of refused.
    Raises:
        DataError: If the file cannot be read, a column is unknown or twice there, or a cell is
            not a finite number; it names the line.
    """
    lines = _lines(path)
    rows = _cells(lines, separator or _separator(path, lines[0][1]), path)
    headings = [_heading(cell) for cell in rows[0][1]]
    names = _checked_names([name for name, _ in headings], path)
    for name in (*(inputs or ()), *([] if target is None else [target])):
        if name not in names:
            raise DataError(f"{path} has no column '{name}': {suggestion(name, names)}")
    numeric = [n for place, n in enumerate(names) if _holds_numbers(rows[1:], place)]
    target = names[-1] if target is None else target
    notes: list[str] = []
    if inputs is None:
        inputs = [name for name in numeric if name != target]
        if left := [name for name in names if name not in (*numeric, target)]:
            notes.append(f"columns left out, being no numbers: {', '.join(left)}")
    if not inputs or target in inputs or len(set(inputs)) < len(inputs):
        raise DataError(
            f"{path}: an equation for '{target}' needs inputs among the other columns, each "
            f"named once, but they are {list(inputs)}"
        )
    places = [names.index(name) for name in (*inputs, target)]
    values, dropped = _numbers(rows[1:], places, names, path, drop)
    if dropped:
        notes.append(f"rows left out for a missing cell: {dropped}")
    units = {names[place]: headings[place][1] for place in places if headings[place][1]}
    return Table(tuple(inputs), target, values[:, :-1], values[:, -1], units, tuple(notes))


def _lines(path: Path) -> list[tuple[int, str]]:
    """The lines that count, numbered from 1."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text in UTF-8: {error}") from error
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if len(lines) < 2:
        raise DataError(f"{path} needs a line with the names of the columns, and rows below it")
    return lines


def _separator(path: Path, header: str) -> str:
    for separator in _SEPARATORS:
        if separator in header:
            return separator
    if len(header.split()) > 1:
        return " "
    raise DataError(
        f"{path} has only the column '{header.strip()}'; an equation needs an input and a target. "
        "If cells are separated otherwise, say how with task.separator"
    )


def _cells(
    lines: Sequence[tuple[int, str]], separator: str, path: Path
) -> list[tuple[int, list[str]]]:
    """The cells of each line, as many as there are columns."""
    if len(separator) != 1:
        raise ConfigurationError(f"task.separator must be one character, but is '{separator}'")
    texts = [line.strip() if separator == " " else line for _, line in lines]
    reader = csv.reader(texts, delimiter=separator, skipinitialspace=True, strict=False)
    rows = [
        (number, [cell.strip() for cell in cells])
        for (number, _), cells in zip(lines, reader, strict=False)
    ]
    width = len(rows[0][1])
    for number, cells in rows:
        if len(cells) != width:
            raise DataError(
                f"{path}, line {number} has {len(cells)} cells, but the first line names {width} "
                f"columns, separated by {separator!r}"
            )
    return rows


def _heading(cell: str) -> tuple[str, str]:
    """The name of a column and its unit, which may be empty."""
    match = _UNIT.fullmatch(cell)
    name, unit = match.groups() if match else (cell, "")
    if not is_name(name) and _number(name) is None:
        name = re.sub(r"\W+", "_", name).strip("_")
    return name, unit


def _checked_names(names: list[str], path: Path) -> list[str]:
    for place, name in enumerate(names, start=1):
        if _number(name) is not None:
            raise DataError(
                f"{path}: the first line must name the columns, but has the number {name} in it"
            )
        if not is_name(name):
            raise DataError(f"{path}: the heading of column {place} has no letter in it")
        if names.count(name) > 1:
            raise DataError(f"{path} has two columns named '{name}'; rename one of them")
    return names


def _holds_numbers(rows: Sequence[tuple[int, list[str]]], place: int) -> bool:
    return any(_number(cells[place]) is not None for _, cells in rows)


def _numbers(
    rows: Sequence[tuple[int, list[str]]],
    places: Sequence[int],
    names: Sequence[str],
    path: Path,
    drop: bool,
) -> tuple[Tensor, int]:
    """The numbers of some columns, and how many rows were left out."""
    values, wrong, missing = [], [], []
    for line, cells in rows:
        row = [_number(cells[place]) for place in places]
        where = [f"line {line}, column '{names[p]}'" for p in places]
        empty = [w for w, p in zip(where, places, strict=True) if cells[p].lower() in _MISSING]
        wrong += [
            f"{w} has '{cells[p]}'"
            for w, p, value in zip(where, places, row, strict=True)
            if value is None and cells[p].lower() not in _MISSING
        ]
        missing += empty[:1]
        if not empty:
            values.append([math.nan if value is None else value for value in row])
    if wrong:
        hint = "; write decimals with a point" if any("," in text for text in wrong) else ""
        raise DataError(f"{path} has cells that are no finite numbers: {_few(wrong)}{hint}")
    if missing and not drop:
        raise DataError(
            f"{path} has {len(missing)} rows with a missing cell: {_few(missing)}; leave such "
            "rows out with task.missing=drop"
        )
    return torch.tensor(values, dtype=torch.float64).reshape(-1, len(places)), len(missing)


def _few(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def _number(cell: str) -> float | None:
    """A finite number as Python writes them; None for anything else."""
    try:
        number = float(cell) if "_" not in cell else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
