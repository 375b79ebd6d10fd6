"""Conditions and numbers of rules as functions of the variables of one instance.

The language evaluates all instances of a rule at once, in tensors. A tree has few nodes and a rule
few instances in it, so plain functions are an order of magnitude faster there; what depends on no
variable is left to the language and computed once.
"""

import operator
from collections.abc import Callable, Collection, Mapping, Sequence

from torch import Tensor

from esr.rules.evaluation import Evaluation
from esr.rules.faults import EvaluationError
from esr.rules.tree import Binary, Call, Compare, Expression, Name, Symbol, Unary, names_in
from esr.rules.values import Values

__all__ = ["Conditions", "Function", "Value"]

Value = int | float | str | bool
Function = Callable[[Sequence[Value]], Value]
"""A value, given those of the variables."""

_NUMBERS: Mapping[str, Callable[[Value, Value], Value]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
_COMPARE: Mapping[str, Callable[[Value, Value], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Conditions:
    """Turns expressions of checked kinds into functions.

    Arguments:
        values: Parameters, sets and axes.
        places: Where each variable stands among those of an instance.
        domains: What variables can be, but for those that a tree decides.
    """

    def __init__(
        self,
        values: Values,
        places: Mapping[str, int],
        domains: Mapping[str, Sequence[str | int]],
    ) -> None:
        self._values, self._places, self._domains = values, places, domains

    def names(self, expression: Expression) -> Collection[str]:
        """The variables in an expression."""
        return names_in(expression) & self._places.keys()

    def number(self, expression: Expression) -> Function:
        """The value of a number or a symbol.

        Raises:
            EvaluationError: If it may have none, whatever the variables.
        """
        if isinstance(expression, Symbol):
            return _constant(expression.text)
        if not self.names(expression):
            return _constant(_plain(Evaluation(self._values, {}, learned=False), expression))
        if isinstance(expression, Name):
            place = self._places[expression.name]
            return operator.itemgetter(place)
        if isinstance(expression, Unary):
            inner = self.number(expression.operand)
            return _negated(inner) if expression.operator == "-" else inner
        if isinstance(expression, Call):
            return self._call(expression)
        if isinstance(expression, Binary):
            return self._arithmetic(expression)
        raise EvaluationError(expression.at, "expected a number")

    def truth(self, expression: Expression) -> Callable[[Sequence[Value]], bool]:
        """The truth of a condition.

        Raises:
            EvaluationError: If a number in it may have no value.
        """
        if isinstance(expression, Unary):
            inner = self.truth(expression.operand)
            return lambda variables: not inner(variables)
        if isinstance(expression, Binary):
            left, right = self.truth(expression.left), self.truth(expression.right)
            if expression.operator == "and":
                return lambda variables: left(variables) and right(variables)
            return lambda variables: left(variables) or right(variables)
        if not isinstance(expression, Compare):
            raise EvaluationError(expression.at, "expected a condition")
        links = [
            self._compared(value, word, other)
            for value, word, other in zip(
                expression.operands, expression.operators, expression.operands[1:], strict=False
            )
        ]
        if len(links) == 1:
            return links[0]
        return lambda variables: all(link(variables) for link in links)

    def _compared(
        self, left: Expression, word: str, right: Expression
    ) -> Callable[[Sequence[Value]], bool]:
        value = self.number(left)
        if word in ("in", "not in"):
            members, wanted = frozenset(self._values.members(right)), word == "in"
            return lambda variables: (value(variables) in members) is wanted
        other, compare = self.number(right), _COMPARE[word]
        return lambda variables: compare(value(variables), other(variables))

    def _arithmetic(self, expression: Binary) -> Function:
        sign = expression.operator
        if sign not in _NUMBERS or (sign in ("/", "//", "%") and self.names(expression.right)):
            reason = (
                f"in rules on equations, '{sign}' stands with plain numbers on its right only"
                if sign in _NUMBERS
                else f"in rules on equations, '{sign}' stands between plain numbers only"
            )
            raise EvaluationError(expression.at, reason)
        left, right = self.number(expression.left), self.number(expression.right)
        if sign in ("/", "//", "%") and right(()) == 0:
            raise EvaluationError(expression.right.at, "division by zero")
        apply = _NUMBERS[sign]
        return lambda variables: apply(left(variables), right(variables))

    def _call(self, call: Call) -> Function:
        if call.name == "index":
            return self._index(call)
        arguments = [self.number(argument) for argument in call.arguments]
        if call.name == "abs":
            return lambda variables: abs(arguments[0](variables))  # type: ignore[arg-type]
        choose: Callable[..., Value] = min if call.name == "min" else max
        return lambda variables: choose([argument(variables) for argument in arguments])

    def _index(self, call: Call) -> Function:
        """The position of a symbol on its axis."""
        axis = self._values.axis_of(call)
        place = {value: at for at, value in enumerate(self._values.named_set(axis))}
        inner = call.arguments[0]
        if axis == "node" or not isinstance(inner, Name):
            raise EvaluationError(call.at, "in rules on equations, index(...) is of symbols only")
        if not set(self._domains[inner.name]) <= place.keys():
            raise EvaluationError(call.at, f"there are values that are not on axis {axis}")
        value = self._places[inner.name]
        return lambda variables: place[variables[value]]  # type: ignore[index]


def _plain(evaluation: Evaluation, expression: Expression) -> int | float:
    """A number without variables."""
    number = evaluation.number(expression)
    if isinstance(number, Tensor):
        return int(number) if not number.is_floating_point() else float(number)
    return number


def _constant(value: Value) -> Function:
    return lambda variables: value


def _negated(inner: Function) -> Function:
    return lambda variables: -inner(variables)  # type: ignore[operator]
