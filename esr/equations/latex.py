"""Expressions as LaTeX."""

import re
from collections.abc import Sequence

import sympy

from esr.equations.expression import Call, Constant, Expression, Variable
from esr.equations.printer import ATOM, PRODUCT, SUM, UNARY, Piece, level, render
from esr.equations.standard import (
    ADD,
    CUBE,
    DIV,
    IDENTITY,
    INVERSE,
    MUL,
    NEG,
    POW,
    SQRT,
    SQUARE,
    SUB,
)
from esr.equations.tidy import rounded, tidy

__all__ = ["to_latex"]

_COMMANDS = {
    "exp": r"\exp",
    "log": r"\log",
    "sin": r"\sin",
    "cos": r"\cos",
    "tan": r"\tan",
    "asin": r"\arcsin",
    "acos": r"\arccos",
    "atan": r"\arctan",
    "sinh": r"\sinh",
    "cosh": r"\cosh",
    "tanh": r"\tanh",
    "max": r"\max",
    "min": r"\min",
}


def to_latex(expression: Expression, digits: int = 4) -> str:
    """LaTeX source, for math mode.

    Arguments:
        expression: Any expression.
        digits: Significant digits of the constants, at least 1.
    Raises:
        ValueError: If `digits` is below 1.
    """
    if digits < 1:
        raise ValueError(f"digits must be at least 1, but is {digits}")
    shown = tidy(rounded(expression, f".{digits}g"))
    return render(shown, _pieces, (r"\left(", r"\right)"))


def _pieces(node: Expression) -> Sequence[Piece]:
    """How one node is written in LaTeX."""
    if isinstance(node, Call):
        return _call_pieces(node)
    if isinstance(node, Constant):
        return (_number(node.value),)
    if isinstance(node, Variable):
        return (sympy.latex(sympy.Symbol(node.name)),)
    raise TypeError(f"{type(node).__name__} is not a constant, a variable or a call")


def _call_pieces(node: Call) -> Sequence[Piece]:
    primitive, first, last = node.primitive, node.arguments[0], node.arguments[-1]
    if primitive in (ADD, SUB):
        return (first, SUM), " + " if primitive == ADD else " - ", (last, PRODUCT)
    if primitive == MUL:
        # two numbers side by side would read as one
        dot = r" \cdot " if _begins_with_digit(last) or level(last) == UNARY else r" \, "
        return (first, PRODUCT), dot, (last, ATOM if level(last) == UNARY else PRODUCT)
    if primitive == DIV:
        return r"\frac{", (first, SUM), "}{", (last, SUM), "}"
    if primitive == NEG:
        return "-", (first, UNARY)
    if primitive == POW:
        return "{", (first, ATOM), "}^{", (last, SUM), "}"
    if primitive in (SQUARE, CUBE):
        return "{", (first, ATOM), "}^{" + ("2" if primitive == SQUARE else "3") + "}"
    if primitive == SQRT:
        return r"\sqrt{", (first, SUM), "}"
    if primitive == INVERSE:
        return r"\frac{1}{", (first, SUM), "}"
    if primitive == IDENTITY:
        return ((first, ATOM),)
    if primitive.name == "abs":
        return r"\left|", (first, SUM), r"\right|"
    escaped = primitive.name.replace("_", r"\_")
    pieces: list[Piece] = [
        _COMMANDS.get(primitive.name, rf"\operatorname{{{escaped}}}"),
        r"\left(",
    ]
    for index, argument in enumerate(node.arguments):
        pieces += [", "] * (index > 0) + [(argument, SUM)]
    return (*pieces, r"\right)")


def _begins_with_digit(node: Expression) -> bool:
    """Whether the LaTeX of a node in a product starts with a number."""
    while isinstance(node, Call) and node.primitive in (MUL, POW, ADD, SUB):
        if level(node) == SUM:
            return False  # in parentheses there
        node = node.arguments[0]
    return isinstance(node, Constant)


def _number(value: float) -> str:
    """A number with a power of ten instead of an exponent."""
    text = str(Constant(value))
    return re.sub(r"e([+-]?)0*(\d+)", lambda m: rf" \cdot 10^{{{m[1].strip('+')}{m[2]}}}", text)
