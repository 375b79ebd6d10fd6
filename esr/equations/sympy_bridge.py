"""Expressions to sympy and back."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import sympy

from esr.equations.exact import exact_number
from esr.equations.expression import Call, Constant, Expression, Variable
from esr.equations.primitive_set import PrimitiveSet
from esr.equations.primitives import Primitive
from esr.equations.standard import ADD, DIV, MUL, POW, SQRT, STANDARD, SUB
from esr.equations.tidy import tidy
from esr.equations.traversal import fold
from esr.errors import suggestion

__all__ = ["from_sympy", "sympy_functions", "to_sympy"]

_DIGITS = 30  # of a numeric part before it is rounded to float64
_LARGEST_EXPONENT = 1000  # sympy would compute 2**(10**15) digit by digit
_MANY = 100  # beyond this many operands sympy's sorting for display takes too long


@dataclass
class _Chain:
    """Operands of one long sum or product, since sympy is slow when it gets them one by one."""

    operation: type[sympy.Expr]
    operands: list[sympy.Expr]


_Partial: TypeAlias = sympy.Expr | _Chain


def to_sympy(
    expression: Expression,
    *,
    number: Callable[[float], sympy.Expr] = exact_number,
    positive: Collection[str] = (),
    opaque: Collection[Primitive] = (),
) -> sympy.Expr:
    """The same expression in sympy, which simplifies it a little in passing.

    Variables become `Symbol(name, real=True)`; whole constants become `Integer`, others `Float`.

    Arguments:
        expression: Any expression.
        number: How a constant is converted.
        positive: Variables that sympy may take to be positive.
        opaque: Primitives that become undefined functions of their name, so that sympy keeps
            them as they are.
    Raises:
        ValueError: If the tree is too deep for sympy, which recurses.
    """

    def convert(node: Expression, parts: tuple[_Partial, ...]) -> _Partial:
        if isinstance(node, Constant):
            return number(node.value)
        if isinstance(node, Variable):
            sign = {"positive": True} if node.name in positive else {}
            return sympy.Symbol(node.name, real=True, **sign)
        if not isinstance(node, Call):
            raise TypeError(f"{type(node).__name__} is not a constant, a variable or a call")
        if node.primitive in (ADD, SUB, MUL, DIV):
            return _extended(node, *parts)
        arguments = [_closed(part) for part in parts]
        if node.primitive in opaque:
            return sympy.Function(node.primitive.name, real=True)(*arguments)
        last = arguments[-1]
        if node.primitive == POW and last.is_Rational and abs(last) > _LARGEST_EXPONENT:
            arguments[-1] = sympy.Float(last)
        return node.primitive.to_sympy(*arguments)

    try:
        return _closed(fold(expression, convert))
    except RecursionError as error:
        raise ValueError(
            f"an expression of depth {expression.depth} is too deep for sympy, which recurses"
        ) from error


def _extended(node: Call, left: _Partial, right: _Partial) -> _Chain:
    """The sum or product that results from one more operand on the right."""
    operation = sympy.Add if node.primitive in (ADD, SUB) else sympy.Mul
    if not (isinstance(left, _Chain) and left.operation is operation):
        left = _Chain(operation, [_closed(left)])
    if node.primitive in (ADD, MUL):
        same = isinstance(right, _Chain) and right.operation is operation
        left.operands.extend(right.operands if same else [_closed(right)])
    else:
        operand = _closed(right)
        left.operands.append(-operand if node.primitive == SUB else 1 / operand)
    return left


def _closed(part: _Partial) -> sympy.Expr:
    return part.operation(*part.operands) if isinstance(part, _Chain) else part


def from_sympy(expression: sympy.Expr, primitives: PrimitiveSet = STANDARD) -> Expression:
    """Convert a real sympy expression.

    Numeric parts (`2*pi`, `sqrt(2)`) become one constant, rounded from 30 digits. Sums and
    products become left-nested, with `-` and `/` where sympy has negative coefficients and
    exponents; `Pow(x, 1/2)` becomes `sqrt(x)` where the primitives have it and other powers
    `pow`, so that a square is `x**2`. A function becomes the primitive whose sympy side it is,
    or else the one of its name.

    Arguments:
        expression: An expression in symbols with identifiers for names.
        primitives: The functions that may occur; arithmetic and powers are always allowed.
    Raises:
        ValueError: If a function or number has no counterpart; it is named.
        TypeError: If it is not a sympy expression.
    """
    if not isinstance(expression, sympy.Expr):
        raise TypeError(f"expected a sympy expression, but got {type(expression).__name__}")
    functions = sympy_functions(primitives)
    nodes: list[tuple[sympy.Expr, tuple[sympy.Expr, ...]]] = []
    stack = [expression]
    while stack:
        node = stack.pop()
        operands = _operands(node)
        nodes.append((node, operands))
        stack.extend(operands)
    values: list[Expression] = []
    for node, operands in reversed(nodes):
        first = len(values) - len(operands)
        values[first:] = [_node(node, values[first:], primitives, functions)]
    return tidy(values[0])


def _operands(node: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """The parts of a node that are converted before it."""
    if node.is_number or node.is_Symbol:
        return ()
    if node.is_Add or node.is_Mul:
        numbers = [part for part in node.args if part.is_number]
        rest = node.func(*(part for part in node.args if not part.is_number))
        parts: tuple[sympy.Expr, ...] = (rest,)
        if rest.func == node.func:
            parts = rest.args if len(rest.args) > _MANY else _as_displayed(rest)
        if not numbers:
            return parts
        number = node.func(*numbers)
        return (*parts, number) if node.is_Add else (number, *parts)
    if node.is_Pow and node.exp.is_number:
        return (node.base,)
    return tuple(node.args)


def _as_displayed(node: sympy.Expr) -> tuple[sympy.Expr, ...]:
    """The operands of a sum or product in the order in which sympy prints them."""
    return tuple(node.as_ordered_terms() if node.is_Add else node.as_ordered_factors())


def _node(
    node: sympy.Expr,
    operands: list[Expression],
    primitives: PrimitiveSet,
    functions: dict[type, str],
) -> Expression:
    """One node, given its converted operands."""
    if node.is_number:
        return _number(node)
    if node.is_Symbol:
        return Variable(node.name)
    if node.is_Add:
        return reduce(lambda left, right: left + right, operands)
    if node.is_Mul:
        return _product(operands)
    if node.is_Pow and node.exp.is_number:
        return _power(operands[0], node.exp, primitives)
    if node.is_Pow:
        return operands[0] ** operands[1]
    name = functions.get(node.func, node.func.__name__)
    if name not in primitives or not operands:
        raise ValueError(
            f"sympy's '{name}' has no counterpart among the primitives; "
            f"{suggestion(name, primitives)}"
        )
    primitive = primitives[name].base
    if primitive.arity == 2 and len(operands) > 2 and node.is_commutative:
        return reduce(lambda left, right: Call(primitive, (left, right)), operands)
    return Call(primitive, operands)


def _number(node: sympy.Expr) -> Expression:
    """The constant nearest to a numeric expression."""
    value = node.evalf(_DIGITS)
    if not value.is_Float and not value.is_Rational:
        raise ValueError(f"sympy's number '{node}' is not a finite real number")
    try:
        return Constant(float(value))
    except (OverflowError, ValueError) as error:
        raise ValueError(f"sympy's number '{value}' is out of the range of float64") from error


def _product(factors: list[Expression]) -> Expression:
    """The product, with reciprocals gathered in one divisor."""
    above: list[Expression] = []
    below: list[Expression] = []
    for factor in factors:
        is_reciprocal = (
            isinstance(factor, Call)
            and factor.primitive == DIV
            and factor.arguments[0] == Constant(1.0)
        )
        (below if is_reciprocal else above).append(
            factor.arguments[1] if is_reciprocal else factor
        )
    one: Expression = Constant(1.0)
    numerator = reduce(lambda left, right: left * right, above, one)
    if not below:
        return numerator
    return numerator / reduce(lambda left, right: left * right, below)


def _power(base: Expression, exponent: sympy.Expr, primitives: PrimitiveSet) -> Expression:
    """A power with a numeric exponent; a negative one gives a reciprocal."""
    if exponent.is_negative:
        return 1 / _power(base, -exponent, primitives)
    if exponent == sympy.Rational(1, 2) and primitives.get("sqrt") == SQRT:
        return Call(SQRT, (base,))
    return base ** _number(exponent)


def sympy_functions(primitives: PrimitiveSet) -> dict[type, str]:
    """Names of the primitives by the sympy function that each one applies to its arguments.

    Arguments:
        primitives: The primitives; those that are formulas in sympy, such as `sigmoid`, are left
            out.
    """
    symbols = sympy.symbols("x y", real=True)
    names: dict[type, str] = {}
    for primitive in primitives.values():
        arguments = symbols[: primitive.arity]
        value = primitive.base.to_sympy(*arguments)
        symmetric = isinstance(value, sympy.Max | sympy.Min) and set(value.args) == set(arguments)
        if symmetric or (isinstance(value, sympy.Function) and value.args == arguments):
            names.setdefault(value.func, primitive.name)
    return names
