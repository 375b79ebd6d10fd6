"""Reads the data of a program's inputs: rows of symbols and numbers, checked once."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real

import torch
from torch import Tensor

from esr.errors import suggestion
from esr.rules.faults import EvaluationError, Faults
from esr.rules.tree import Column, InputLine
from esr.rules.values import Values

__all__ = ["InputData", "read_inputs"]

InputData = Tensor | Sequence[Sequence[str | float]]


def read_inputs(
    given: Mapping[str, InputData], values: Values, faults: Faults
) -> dict[str, tuple[Tensor, ...]]:
    """The columns of each input, `(n,)`: int64 of those drawn from sets, else float64.

    Arguments:
        given: For each input a tensor `(n, columns)` of numbers, or a sequence of rows.
        values: The sets that columns draw from.
        faults: Takes inputs that are missing or do not fit, at their lines.
    """
    tables = {}
    for name, line in values.names.inputs.items():
        if name not in given:
            columns = ", ".join(column.name for column in line.columns)
            faults.add(
                line.at,
                f"input {name} is missing; compile with inputs={{'{name}': rows of ({columns})}}",
            )
            continue
        try:
            tables[name] = _read(line, given[name], values)
        except EvaluationError as error:
            faults.add(error.at, error.reason)
    return tables


def _read(line: InputLine, data: InputData, values: Values) -> tuple[Tensor, ...]:
    width = len(line.columns)
    if isinstance(data, Tensor):
        table = data.cpu()
        if width == 1 and table.dim() == 1:
            table = table[:, None]
        if table.dim() != 2 or table.shape[1] != width:
            reason = (
                f"input {line.name} takes a tensor of shape (rows, {width}), "
                f"but got {tuple(table.shape)}"
            )
            raise EvaluationError(line.at, reason)
        return tuple(
            _tensor_column(line, column, table[:, place], values)
            for place, column in enumerate(line.columns)
        )
    rows = [_row(line, number, row) for number, row in enumerate(data)]
    return tuple(
        _column(line, column, [row[place] for row in rows], values)
        for place, column in enumerate(line.columns)
    )


def _row(line: InputLine, number: int, row: object) -> list[object]:
    """One row as a list of the right length; a bare value is a row of one."""
    width = len(line.columns)
    if width == 1 and (isinstance(row, (str, Real))):
        return [row]
    if isinstance(row, str) or not hasattr(row, "__iter__"):
        found = [row]
    else:
        found = [value.item() if isinstance(value, Tensor) else value for value in row]
    if len(found) != width:
        columns = ", ".join(column.name for column in line.columns)
        reason = f"row {number} of input {line.name} should be ({columns}), but is {row!r}"
        raise EvaluationError(line.at, reason)
    return found


def _tensor_column(line: InputLine, column: Column, data: Tensor, values: Values) -> Tensor:
    """A column of a tensor; one of any numbers keeps its gradient."""
    numbers = data.double()
    plain = numbers.detach()
    if not bool(plain.isfinite().all()):
        reason = f"column {column.name} of input {line.name} has values that are not finite"
        raise EvaluationError(column.at, reason)
    if column.domain is None:
        return numbers
    members = values.members(column.domain)
    if any(isinstance(member, str) for member in members):
        reason = (
            f"column {column.name} of input {line.name} holds symbols; "
            "give a list of rows, not a tensor"
        )
        raise EvaluationError(column.at, reason)
    odd = ~torch.isin(plain, values.coded(members).double())
    if bool(odd.any()):
        row = int(odd.nonzero()[0, 0])
        raise EvaluationError(column.at, _outside(line, column, row, float(plain[row])))
    return plain.long()


def _column(line: InputLine, column: Column, data: list[object], values: Values) -> Tensor:
    """A column of values from rows."""
    if column.domain is None:
        numbers: list[float] = []
        for row, value in enumerate(data):
            if not isinstance(value, Real) or not math.isfinite(value):
                reason = (
                    f"column {column.name} of input {line.name} holds finite numbers, "
                    f"but row {row} has {value!r}"
                )
                raise EvaluationError(column.at, reason)
            numbers.append(float(value))
        return torch.tensor(numbers, dtype=torch.float64)
    members = values.members(column.domain)
    known = set(members)
    found: list[str | int] = []
    for row, value in enumerate(data):
        if isinstance(value, (str, Real)) and value in known:
            found.append(value if isinstance(value, str) else int(float(value)))
        else:
            hint = "; " + suggestion(str(value), [str(member) for member in members])
            raise EvaluationError(column.at, _outside(line, column, row, value) + hint)
    return values.coded(found)


def _outside(line: InputLine, column: Column, row: int, value: object) -> str:
    return (
        f"row {row} of input {line.name} has {value!r} in column {column.name}, "
        "which is not in its set"
    )
