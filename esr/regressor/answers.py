"""What a fitted regressor can be asked: its tables, its equations and forms of them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch as torch_library
from sklearn.utils.validation import check_is_fitted
from sympy import Expr
from torch import dtype as Dtype
from torch import nn

from esr.equations import Expression, ExpressionModule
from esr.errors import ConfigurationError
from esr.regressor.module import EquationsModule
from esr.regressor.table import EquationRow, EquationTable

__all__ = ["Answers", "Index"]

AnswerT = TypeVar("AnswerT")
Index = int | Sequence[int] | None
"""Rows of the tables: the chosen ones if None; one for each output if a sequence."""


class Answers:
    """Answers about the tables of a fit, for several outputs a list with one for each."""

    tables_: list[EquationTable]
    variables_: tuple[str, ...]
    _is_flat: bool

    @property
    def equations_(self) -> EquationTable | list[EquationTable]:
        """The Pareto table; a list of them if y had columns."""
        return self._answer(lambda output: self.tables_[output])

    @property
    def best_(self) -> EquationRow | list[EquationRow]:
        """The chosen row."""
        return self._answer(lambda output: self.tables_[output].best)

    @property
    def expression_(self) -> Expression | list[Expression]:
        """The chosen equation."""
        return self._answer(lambda output: self.tables_[output].best.equation)

    @property
    def standard_errors_(self) -> tuple[float, ...] | list[tuple[float, ...]]:
        """Standard errors of `expression_.constants`, as `EquationRow` has them."""
        return self._answer(lambda output: self.tables_[output].best.standard_errors)

    def sympy(self, index: Index = None) -> Expr | list[Expr]:
        """An equation as a sympy expression.

        Arguments:
            index: Row of the table; the chosen one if None.
        """
        rows = self._rows(index)
        return self._answer(lambda output: rows[output].equation.to_sympy())

    def latex(self, index: Index = None, digits: int = 4) -> str | list[str]:
        """An equation as LaTeX source.

        Arguments:
            index: Row of the table; the chosen one if None.
            digits: Significant digits of the constants, at least 1.
        """
        rows = self._rows(index)
        return self._answer(lambda output: rows[output].equation.latex(digits))

    def torch(self, index: Index = None, dtype: Dtype | None = None) -> nn.Module:
        """An equation as a module whose constants are trained by gradient.

        Arguments:
            index: Row of the table; the chosen one if None.
            dtype: Type of the constants; double precision if None.
        Returns:
            A module from inputs `(*, D)`, in the order of the columns of X, to `(*)`, or to
            `(*, O)` if y had columns.
        """
        equations = [row.equation for row in self._rows(index)]
        kind = torch_library.float64 if dtype is None else dtype
        if self._is_flat:
            return ExpressionModule(equations[0], self.variables_, dtype=kind)
        return EquationsModule(equations, self.variables_, kind)

    def _answer(self, of: Callable[[int], AnswerT]) -> AnswerT | list[AnswerT]:
        """An answer for each output, or for the only one if y had no columns."""
        check_is_fitted(self, "tables_")
        return of(0) if self._is_flat else [of(output) for output in range(len(self.tables_))]

    def _rows(self, index: Index) -> list[EquationRow]:
        """A row for each output.

        Raises:
            ConfigurationError: If there is no such row, or not one index for each output.
        """
        check_is_fitted(self, "tables_")
        if index is None:
            return [table.best for table in self.tables_]
        wanted = [index] * len(self.tables_) if isinstance(index, int) else list(index)
        if len(wanted) != len(self.tables_):
            raise ConfigurationError(
                f"index must be one number or one for each of {len(self.tables_)} outputs, but "
                f"has {len(wanted)}"
            )
        for place, table in zip(wanted, self.tables_, strict=True):
            if not -len(table) <= place < len(table):
                raise ConfigurationError(
                    f"there is no row {place}; the table has {len(table)} rows"
                )
        return [table[place] for place, table in zip(wanted, self.tables_, strict=True)]
