"""Evaluates expressions for all instances of a rule at once.

Numbers are Python's where no variable is involved, otherwise int64 or float64 tensors; symbols
are integers that stand for them. Learned parameters are tensors that carry gradients.
"""

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from esr.rules.faults import EvaluationError
from esr.rules.tree import Binary, Call, Compare, Expression, Name, Place, Symbol, Unary
from esr.rules.tree import Number as NumberNode

if TYPE_CHECKING:
    from esr.rules.values import Values

__all__ = ["Evaluation", "Number", "Truth", "as_tensor"]

Number = int | float | Tensor
Truth = bool | Tensor

_EXACT = 2**53
_COMPARE: dict[str, Callable[[Number, Number], Truth]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def as_tensor(value: Number | Truth) -> Tensor:
    """A number or truth as a tensor: int64, float64 or bool."""
    if isinstance(value, Tensor):
        return value
    dtype = torch.bool if isinstance(value, bool) else None
    whole = isinstance(value, int)
    return torch.tensor(value, dtype=dtype or (torch.int64 if whole else torch.float64))


class Evaluation:
    """Values of expressions of checked kinds.

    Arguments:
        values: Parameters, sets and axes.
        columns: The variables, tensors of shapes that broadcast.
        learned: Whether learned parameters may occur: in weights, not in conditions.
    """

    def __init__(self, values: "Values", columns: Mapping[str, Tensor], *, learned: bool) -> None:
        self._values, self._columns, self._learned = values, columns, learned

    def number(self, expression: Expression) -> Number:
        """The value of a number or the code of a symbol.

        Raises:
            EvaluationError: If there is none, such as after a division by zero.
        """
        if isinstance(expression, NumberNode):
            return expression.value
        if isinstance(expression, Symbol):
            return self._values.code(expression.text)
        if isinstance(expression, Name):
            return self._name(expression)
        if isinstance(expression, Unary):
            value = self.number(expression.operand)
            return -value if expression.operator == "-" else value
        if isinstance(expression, Call):
            return self._call(expression)
        if isinstance(expression, Binary):
            left, right = self.number(expression.left), self.number(expression.right)
            return _arithmetic(expression, left, right)
        raise EvaluationError(expression.at, "expected a number")

    def truth(self, expression: Expression) -> Truth:
        """The value of a condition.

        Raises:
            EvaluationError: If a number in it has no value.
        """
        if isinstance(expression, Unary):
            truth = self.truth(expression.operand)
            return ~truth if isinstance(truth, Tensor) else not truth
        if isinstance(expression, Binary):
            left, right = self.truth(expression.left), self.truth(expression.right)
            return left & right if expression.operator == "and" else left | right
        if not isinstance(expression, Compare):
            raise EvaluationError(expression.at, "expected a condition")
        found: Truth = True
        links = zip(
            expression.operands, expression.operators, expression.operands[1:], strict=False
        )
        for value, word, other in links:
            found = found & self._compared(value, word, other)
        return found

    def whole(self, expression: Expression) -> Tensor:
        """The value of an index: an integer tensor.

        Raises:
            EvaluationError: If it has no value or is not a whole number.
        """
        value = as_tensor(self.number(expression))
        if value.is_floating_point():
            rounded = value.round()
            if not torch.equal(rounded, value):
                odd = value[value != rounded].flatten()[0]
                reason = f"an index is a whole number, but is {float(odd):g} here; round by //"
                raise EvaluationError(expression.at, reason)
            value = rounded.long()
        return value

    def _name(self, expression: Name) -> Number:
        if expression.name in self._columns:
            return self._columns[expression.name]
        value = self._values.parameter(expression.name)
        if isinstance(value, Tensor) and not self._learned:
            reason = (
                f"parameter '{expression.name}' is learned and can only stand in weights; "
                "give a plain number where it decides which neurons are coupled"
            )
            raise EvaluationError(expression.at, reason)
        return value

    def _compared(self, left: Expression, word: str, right: Expression) -> Truth:
        value = self.number(left)
        if word not in ("in", "not in"):
            other = self.number(right)
            if isinstance(value, Tensor) or isinstance(other, Tensor):
                value, other = as_tensor(value), as_tensor(other)
            return _COMPARE[word](value, other)
        members = self._values.coded(self._values.members(right))
        inside = torch.isin(as_tensor(value), members)
        return inside if word == "in" else ~inside

    def _call(self, call: Call) -> Number:
        first = call.arguments[0]
        if call.name == "size":
            if isinstance(first, Name) and first.name in self._values.names.inputs:
                if first.name not in self._values.tables:
                    reason = "how many rows an input has is known in rules only"
                    raise EvaluationError(call.at, reason)
                return len(self._values.tables[first.name][0])
            return len(self._values.members(first))
        if call.name == "index":
            return self._index(call)
        numbers = [self.number(argument) for argument in call.arguments]
        if call.name == "abs":
            first_number = numbers[0]
            return first_number.abs() if isinstance(first_number, Tensor) else abs(first_number)
        if not any(isinstance(number, Tensor) for number in numbers):
            plain = [number for number in numbers if not isinstance(number, Tensor)]
            return min(plain) if call.name == "min" else max(plain)
        tensors = [as_tensor(number) for number in numbers]
        return reduce(torch.minimum if call.name == "min" else torch.maximum, tensors)

    def _index(self, call: Call) -> Number:
        """`index(value, axis)`; without an axis, that of the symbols."""
        value = self.whole(call.arguments[0])
        axis = self._values.axis_of(call)
        places = self._values.positions(axis, value)
        if bool((places < 0).any()):
            raise EvaluationError(call.at, f"there are values that are not on axis {axis}")
        return places if places.dim() else int(places)


def _arithmetic(expression: Binary, left: Number, right: Number) -> Number:
    """The result of an arithmetic operator; whole numbers stay exact or are refused."""
    sign, at = expression.operator, expression.right.at
    if sign in ("/", "//", "%") and _has_zero(right):
        raise EvaluationError(at, "division by zero; exclude it by a condition")
    if sign == "**":
        return _power(left, right, at)
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        left, right = as_tensor(left), as_tensor(right)
        if sign == "/":
            return left.double() / right
        if sign == "//":
            return torch.floor_divide(left, right)
        if sign == "%":
            return torch.remainder(left, right)
    elif sign == "/":
        return left / right
    elif sign in ("//", "%"):
        return left // right if sign == "//" else left % right
    if sign == "*" and _size(left) * _size(right) > _EXACT and _is_whole(left, right):
        raise EvaluationError(at, "the product is too large for a whole number")
    if sign == "*":
        return left * right
    return left + right if sign == "+" else left - right


def _power(base: Number, exponent: Number, at: Place) -> Number:
    """A power: whole where base and exponent are whole and the exponent is not negative."""
    x, y = as_tensor(base), as_tensor(exponent)
    result = x.double() ** y.double()
    if not bool(result.isfinite().all()):
        raise EvaluationError(at, "this power is not a finite number")
    if _is_whole(base, exponent) and bool((y >= 0).all()):
        if _size(result) > _EXACT:
            raise EvaluationError(at, "this power is too large for a whole number")
        result = result.round().long()
    if isinstance(base, Tensor) or isinstance(exponent, Tensor):
        return result
    return int(result) if not result.is_floating_point() else float(result)


def _is_whole(*values: Number) -> bool:
    return not any(as_tensor(value).is_floating_point() for value in values)


def _size(value: Number) -> float:
    """The largest size of a value."""
    if isinstance(value, Tensor):
        return float(value.detach().abs().max()) if value.numel() else 0.0
    return abs(float(value))


def _has_zero(value: Number) -> bool:
    return bool((value == 0).any()) if isinstance(value, Tensor) else value == 0
