"""Python's operators for expressions."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from esr.equations.primitives import Primitive
from esr.equations.standard import ADD, DIV, MUL, POW, SUB

if TYPE_CHECKING:  # expressions inherit from this class
    from esr.equations.expression import Expression

__all__ = ["Arithmetic"]


class Arithmetic(ABC):
    """Turns `+ - * / **` with expressions and numbers into calls of the standard primitives."""

    @abstractmethod
    def _then(self, primitive: Primitive, other: "Expression | float") -> "Expression":
        """The primitive applied to this expression and another operand, in that order."""

    @abstractmethod
    def _after(self, primitive: Primitive, other: "Expression | float") -> "Expression":
        """The primitive applied to another operand and this expression, in that order."""

    def __add__(self, other: "Expression | float") -> "Expression":
        return self._then(ADD, other)

    def __radd__(self, other: float) -> "Expression":
        return self._after(ADD, other)

    def __sub__(self, other: "Expression | float") -> "Expression":
        return self._then(SUB, other)

    def __rsub__(self, other: float) -> "Expression":
        return self._after(SUB, other)

    def __mul__(self, other: "Expression | float") -> "Expression":
        return self._then(MUL, other)

    def __rmul__(self, other: float) -> "Expression":
        return self._after(MUL, other)

    def __truediv__(self, other: "Expression | float") -> "Expression":
        return self._then(DIV, other)

    def __rtruediv__(self, other: float) -> "Expression":
        return self._after(DIV, other)

    def __pow__(self, other: "Expression | float") -> "Expression":
        return self._then(POW, other)

    def __rpow__(self, other: float) -> "Expression":
        return self._after(POW, other)
