"""The Pareto table of a fit: one row for each equation, simplest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import overload

from esr.equations import Expression

__all__ = ["EquationRow", "EquationTable"]

_HEADINGS = ("complexity", "loss", "training_loss", "equation")
_SHOWN_DIGITS = ".4g"


@dataclass(frozen=True)
class EquationRow:
    """One equation of a front.

    Arguments:
        complexity: Number of its nodes.
        loss: Mean squared error on rows that were held out while it was found.
        training_loss: Mean squared error on all rows, to which its constants are fitted last.
        equation: The equation.
        standard_errors: One for each of `equation.constants`: 0 for a constant that belongs to
            the form, as an exponent does; infinite for one that the rows do not determine.
        chosen: Whether it is the one that predicts.
    """

    complexity: int
    loss: float
    training_loss: float
    equation: Expression
    standard_errors: tuple[float, ...]
    chosen: bool = False


class EquationTable(Sequence[EquationRow]):
    """Equations of falling error and rising complexity.

    Arguments:
        rows: Simplest first, exactly one of them chosen.
    Raises:
        ValueError: If not exactly one row is chosen.
    """

    def __init__(self, rows: Sequence[EquationRow]) -> None:
        self._rows = tuple(rows)
        chosen = [index for index, row in enumerate(self._rows) if row.chosen]
        if len(chosen) != 1:
            raise ValueError(f"a table needs exactly one chosen row, but {len(chosen)} are")
        self._chosen = chosen[0]

    @property
    def chosen(self) -> int:
        """The index of the chosen row."""
        return self._chosen

    @property
    def best(self) -> EquationRow:
        """The chosen row."""
        return self._rows[self._chosen]

    @overload
    def __getitem__(self, index: int) -> EquationRow: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[EquationRow, ...]: ...

    def __getitem__(self, index: int | slice) -> EquationRow | tuple[EquationRow, ...]:
        """A row, or several."""
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[EquationRow]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, EquationTable) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._rows)

    def to_dict(self) -> dict[str, list[int] | list[float] | list[str] | list[bool]]:
        """The columns by name; equations as text that `Expression.parse` reads back."""
        return {
            "complexity": [row.complexity for row in self],
            "loss": [row.loss for row in self],
            "training_loss": [row.training_loss for row in self],
            "equation": [str(row.equation) for row in self],
            "chosen": [row.chosen for row in self],
        }

    def to_pandas(self) -> object:
        """The columns as a `pandas.DataFrame`.

        Raises:
            ModuleNotFoundError: If pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "to_pandas needs pandas; `pip install pandas`, or use to_dict"
            ) from error
        frame: object = pandas.DataFrame(self.to_dict())
        return frame

    def __repr__(self) -> str:
        """The table as text, the chosen row marked by `>`."""
        cells = [_HEADINGS, *(_cells(row) for row in self)]
        widths = [max(len(line[column]) for line in cells) for column in range(3)]
        lines = []
        for index, line in enumerate(cells):
            mark = ">" if index - 1 == self._chosen else " "
            numbers = (cell.rjust(width) for cell, width in zip(line, widths, strict=False))
            lines.append("  ".join((mark, *numbers, line[3])))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """The table for a notebook, the chosen row in bold."""
        head = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
        body = []
        for row in self:
            tag = "th" if row.chosen else "td"
            body.append("".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in _cells(row)))
        rows = "".join(f"<tr>{line}</tr>" for line in (head, *body))
        return f"<table>{rows}</table>"


def _cells(row: EquationRow) -> tuple[str, str, str, str]:
    """The texts of a row, constants rounded."""
    losses = f"{row.loss:.3g}", f"{row.training_loss:.3g}"
    return str(row.complexity), *losses, f"{row.equation:{_SHOWN_DIGITS}}"
