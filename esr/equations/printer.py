"""Expressions as text that the parser reads back, with as few parentheses as that allows."""

import math
from collections.abc import Callable, Sequence

from esr.equations.expression import Call, Constant, Expression, Variable
from esr.equations.standard import ADD, DIV, MUL, NEG, POW, SUB

__all__ = ["ATOM", "POWER", "PRODUCT", "SUM", "UNARY", "Piece", "level", "render", "to_text"]

# Rules of the grammar from the loosest to the tightest. A node fits without parentheses where
# its own level is at least the one required; nothing reaches NEVER.
SUM, PRODUCT, UNARY, POWER, ATOM, NEVER = range(1, 7)

Piece = str | tuple[Expression, int]
"""Literal text, or a node with the level that its place requires."""

_LARGEST_WHOLE = 1e15  # up to here whole numbers are shown without point and exponent


def to_text(expression: Expression) -> str:
    """Text that `parse` reads back as an equal tree, bit for bit.

    Whole numbers are shown without a point. A variable called `pi` or `e` must be declared when
    the text is read.

    Arguments:
        expression: Any expression.
    """
    return render(expression, _pieces, ("(", ")"))


def level(node: Expression) -> int:
    """The loosest rule of the grammar that yields the node."""
    if isinstance(node, Constant):
        return UNARY if math.copysign(1.0, node.value) < 0 else ATOM
    if isinstance(node, Call):
        if node.primitive in (ADD, SUB):
            return SUM
        if node.primitive in (MUL, DIV):
            return PRODUCT
        if node.primitive == NEG:
            return UNARY
        if node.primitive == POW:
            return POWER
    return ATOM


def render(
    expression: Expression,
    pieces: Callable[[Expression], Sequence[Piece]],
    parentheses: tuple[str, str],
) -> str:
    """Join the pieces of all nodes, with parentheses where a node is looser than its place.

    Arguments:
        expression: Any expression.
        pieces: How one node is written.
        parentheses: The opening and the closing one.
    """
    text: list[str] = []
    stack: list[Piece] = [(expression, SUM)]
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            text.append(piece)
            continue
        node, required = piece
        inner = pieces(node)
        if level(node) < required:
            inner = (parentheses[0], *inner, parentheses[1])
        stack.extend(reversed(inner))
    return "".join(text)


def _pieces(node: Expression) -> Sequence[Piece]:
    """How one node is written as plain text."""
    if isinstance(node, Call):
        return _call_pieces(node)
    if isinstance(node, Constant):
        return (_number(node.value),)
    if isinstance(node, Variable):
        return (node.name,)
    raise TypeError(f"{type(node).__name__} is not a constant, a variable or a call")


def _call_pieces(node: Call) -> Sequence[Piece]:
    first, last = node.arguments[0], node.arguments[-1]
    if node.primitive == ADD:
        return (first, SUM), " + ", (last, PRODUCT)
    if node.primitive == SUB:
        return (first, SUM), " - ", (last, PRODUCT)
    if node.primitive == MUL:
        return (first, PRODUCT), "*", (last, UNARY)
    if node.primitive == DIV:
        return (first, PRODUCT), "/", (last, UNARY)
    if node.primitive == POW:
        return (first, ATOM), "**", (last, UNARY)
    if node.primitive == NEG:
        # "-2" reads as the constant -2, so the negation of 2 is "-(2)"
        literal = isinstance(first, Constant) and level(first) == ATOM
        return "-", (first, NEVER if literal else UNARY)
    pieces: list[Piece] = [node.primitive.name, "("]
    for index, argument in enumerate(node.arguments):
        pieces += [", "] * (index > 0) + [(argument, SUM)]
    return (*pieces, ")")


def _number(value: float) -> str:
    """The shortest text with the same value."""
    if value.is_integer() and abs(value) < _LARGEST_WHOLE and (value or _is_positive(value)):
        return str(int(value))
    return repr(value)


def _is_positive(value: float) -> bool:
    return math.copysign(1.0, value) > 0
