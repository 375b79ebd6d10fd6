"""Fitted regressors as files of plain text: nothing in one is executed."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.atomic_file import write_text_atomically
from esr.equations import STANDARD, Expression, Primitive, PrimitiveSet, prefix
from esr.equations.expression import Call
from esr.errors import DataError
from esr.regressor.table import EquationRow, EquationTable

__all__ = ["Plain", "Saved", "read_regressor", "write_regressor"]

_KIND, _FORMAT = "esr regressor", 1
Plain = str | int | float | bool | None | list[str]
"""What a file holds of a setting."""


@dataclass(frozen=True)
class Saved:
    """A fitted regressor.

    Arguments:
        settings: Its arguments, as far as they are plain.
        columns: Names of the columns it was fitted to, if they had names.
        variables: Names of the variables of its equations.
        tables: One for each output.
        is_flat: Whether predictions have shape `(N,)`.
    """

    settings: Mapping[str, Plain]
    columns: tuple[str, ...] | None
    variables: tuple[str, ...]
    tables: tuple[EquationTable, ...]
    is_flat: bool


def write_regressor(path: Path, saved: Saved) -> None:
    """Write a file in one step.

    Arguments:
        path: Its folder must exist.
        saved: What it shall hold.
    Raises:
        DataError: If the folder does not exist.
    """
    if not path.parent.is_dir():
        raise DataError(f"{path} cannot be written: there is no folder {path.parent}")
    content = {
        "kind": _KIND,
        "format": _FORMAT,
        "settings": dict(saved.settings),
        "columns": saved.columns,
        "variables": saved.variables,
        "is_flat": saved.is_flat,
        "functions": _functions(saved.tables),
        "outputs": [[_plain_row(row) for row in table] for table in saved.tables],
    }
    write_text_atomically(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def read_regressor(path: Path, primitives: Sequence[Primitive] = ()) -> Saved:
    """Read a file.

    Arguments:
        path: As `write_regressor` wrote it.
        primitives: Those in its equations that are not standard.
    Raises:
        DataError: If there is no such file, it is no regressor of this format, it is damaged, or
            it needs a primitive that is neither standard nor given.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{path} is not a file that SymbolicRegressor.save wrote") from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise DataError(f"{path} is not a file that SymbolicRegressor.save wrote")
    if content.get("format") != _FORMAT:
        raise DataError(
            f"{path} has format {content.get('format')!r}, but this version reads {_FORMAT}"
        )
    known = STANDARD.with_primitives(*primitives)
    try:
        return _read(content, known)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} cannot be used: {error}") from error


def _read(content: Mapping[str, object], known: PrimitiveSet) -> Saved:
    """What a file's content says."""
    lacking = [name for name in _texts(content["functions"]) if name not in known]
    if lacking:
        raise DataError(
            f"its equations call {', '.join(lacking)}; give these with primitives=[Primitive(...)]"
        )
    variables, columns = _texts(content["variables"]), content["columns"]
    outputs, settings = content["outputs"], content["settings"]
    if not isinstance(outputs, list) or not isinstance(settings, dict) or not outputs:
        raise DataError("it holds no equations")
    tables = tuple(
        EquationTable([_row(row, known, variables) for row in output]) for output in outputs
    )
    names = None if columns is None else _texts(columns)
    return Saved(settings, names, variables, tables, bool(content["is_flat"]))


def _plain_row(row: EquationRow) -> dict[str, object]:
    return {
        "equation": str(row.equation),
        "loss": _plain(row.loss),
        "training_loss": _plain(row.training_loss),
        "standard_errors": [_plain(error) for error in row.standard_errors],
        "chosen": row.chosen,
    }


def _row(row: Mapping[str, object], known: PrimitiveSet, variables: Sequence[str]) -> EquationRow:
    text, errors = row["equation"], row["standard_errors"]
    if not isinstance(text, str) or not isinstance(errors, list):
        raise DataError("an equation is not a text")
    equation = Expression.parse(text, known, variables)
    if len(errors) != len(equation.constants):
        raise DataError(f"'{text}' has {len(errors)} standard errors for its constants")
    return EquationRow(
        equation.complexity,
        _number(row["loss"]),
        _number(row["training_loss"]),
        equation,
        tuple(map(_number, errors)),
        row["chosen"] is True,
    )


def _plain(number: float) -> float | str:
    """A number, as text if JSON has none like it."""
    return number if math.isfinite(number) else str(number)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise DataError(f"{value!r} is not a number")
    return float(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise DataError(f"{value!r} is not a list of names")
    return tuple(value)


def _functions(tables: Sequence[EquationTable]) -> list[str]:
    """Names of the functions that are called, without operators."""
    calls = {
        node.primitive.name
        for table in tables
        for row in table
        for node in prefix(row.equation)
        if isinstance(node, Call)
    }
    return sorted(calls)
