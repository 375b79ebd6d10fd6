"""Expressions for reading: rounded constants, and signs where a reader expects them."""

import math

from esr.equations.expression import Call, Constant, Expression
from esr.equations.standard import ADD, DIV, MUL, NEG, POW, SUB
from esr.equations.traversal import fold

__all__ = ["rounded", "tidy"]

_ZERO, _ONE = Constant(0.0), Constant(1.0)


def rounded(expression: Expression, specification: str) -> Expression:
    """The same tree with constants rounded as Python would print them.

    Arguments:
        expression: Any expression.
        specification: A format of a float, such as `.4g` or `.2f`.
    Raises:
        ValueError: If it is not the format of a plain number.
    """
    return expression.with_constants(
        [_rounded_number(value, specification) for value in expression.constants]
    )


def _rounded_number(value: float, specification: str) -> float:
    try:
        number = float(format(value, specification))
    except ValueError as error:
        raise ValueError(
            f"an expression is formatted like a float, for instance with '.4g' or '.2f', "
            f"but the format is {specification!r}"
        ) from error
    return number if math.isfinite(number) else value


def tidy(expression: Expression) -> Expression:
    """An expression of the same value that reads well.

    Minus signs move to the front of products and merge with the sums they stand in (`x - 3*y`,
    not `x + -3*y`); factors, divisors and exponents 1 and summands 0 go. The order of operands
    stays.

    Arguments:
        expression: Any expression.
    """
    negative, magnitude = fold(expression, _tidy_node)
    return _signed(negative, magnitude)


_Signed = tuple[bool, Expression]
"""Whether a minus stands in front, and the rest, which does not begin with one."""


def _tidy_node(node: Expression, parts: tuple[_Signed, ...]) -> _Signed:
    """The node with its minus in front, given its arguments in that form."""
    if isinstance(node, Constant):
        return node.value < 0, Constant(abs(node.value))
    if not isinstance(node, Call):
        return False, node
    if node.primitive == NEG:
        return not parts[0][0], parts[0][1]
    if node.primitive in (MUL, DIV):
        (left_negative, left), (right_negative, right) = parts
        return left_negative != right_negative, _product(node, left, right)
    if node.primitive in (ADD, SUB):
        right_negative = parts[1][0] != (node.primitive == SUB)
        return _sum(parts[0], (right_negative, parts[1][1]))
    if node.primitive == POW and parts[1] == (False, _ONE):
        return parts[0]
    return False, Call(node.primitive, tuple(_signed(*part) for part in parts))


def _product(node: Call, left: Expression, right: Expression) -> Expression:
    """Product or quotient of two operands without a sign."""
    if right == _ONE:
        return left
    if left == _ONE and node.primitive == MUL:
        return right
    return Call(node.primitive, (left, right))


def _sum(left: _Signed, right: _Signed) -> _Signed:
    if right[1] == _ZERO:
        return left
    if left[1] == _ZERO:
        return right
    first = _signed(*left)
    return False, first - right[1] if right[0] else first + right[1]


def _signed(negative: bool, magnitude: Expression) -> Expression:
    """The magnitude, with its leading factor negated if asked."""
    if not negative:
        return magnitude
    spine: list[Call] = []
    leading = magnitude
    while isinstance(leading, Call) and leading.primitive in (MUL, DIV):
        spine.append(leading)
        leading = leading.arguments[0]
    leading = Constant(-leading.value) if isinstance(leading, Constant) else -leading
    for product in reversed(spine):
        leading = Call(product.primitive, (leading, product.arguments[1]))
    return leading
