"""The building blocks of readings: small parts that are one function, or one term."""

import math
from collections.abc import Iterator, Sequence

from esr.equations import (
    STANDARD,
    Call,
    Constant,
    Expression,
    Variable,
    fold,
    folded_exponents,
    postorder,
    reduced_phases,
)

__all__ = ["ONE", "building_blocks"]

ONE = Constant(1.0)
"""The block of a constant term."""
_ADD, _SUB, _MUL, _DIV, _NEG, _POW = (
    STANDARD[name] for name in ("add", "sub", "mul", "div", "neg", "pow")
)
_SIN, _COS, _EXP = STANDARD["sin"], STANDARD["cos"], STANDARD["exp"]
_MOST_CONSTANTS = 4

_Linear = dict[str, float]
"""Factor of each variable of a linear function; that of the empty name is added."""


def building_blocks(readings: Sequence[Expression], most: int) -> list[Expression]:
    """Blocks of readings whose sums, each with a factor, are worth a try.

    A block is a function of one argument, a power or an inverse with few constants, wherever it
    stands; a top-level term without its factor; and the variables that occur linearly. What a
    factor in front makes superfluous is left out: `exp(2*x + 1)` is the block `exp(2*x)`, and a
    function of a linear argument without a shift gets one, of 0. Of blocks that agree to two
    digits the first is kept.

    Arguments:
        readings: Equations, best first; their size is no matter.
        most: How many to give at most.
    Returns:
        Blocks in the order of the readings, each reading's larger parts first.
    """
    found: dict[str, Expression] = {}
    for reading in readings:
        for part in _parts(reading):
            for block in _blocks_of(part):
                found.setdefault(f"{block:.2g}", block)
    return list(found.values())[:most]


def _parts(reading: Expression) -> Iterator[Expression]:
    """Terms, and then all small parts that vary, outermost first."""
    nodes = list(dict.fromkeys(reversed(postorder(reading))))
    small: set[Expression] = set()
    varying: set[Expression] = set()

    def count(node: Expression, parts: tuple[tuple[int, bool], ...]) -> tuple[int, bool]:
        number = isinstance(node, Constant) + sum(constants for constants, _ in parts)
        varies = isinstance(node, Variable) or any(part for _, part in parts)
        if number <= _MOST_CONSTANTS:
            small.add(node)
        if varies:
            varying.add(node)
        return number, varies

    fold(reading, count)
    for term in _terms(reading):
        bare = _without_factor(term)
        if len(bare.constants) <= _MOST_CONSTANTS and bare.variables:
            yield bare
    for node in nodes:
        if node in small and node in varying and _is_function(node):
            yield node
    for name in reading.variables:
        yield Variable(name)


def _terms(expression: Expression) -> Iterator[Expression]:
    """The terms of a sum, signs left out."""
    stack = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Call) and node.primitive in (_ADD, _SUB):
            stack.extend(reversed(node.arguments))
        else:
            yield node


def _without_factor(term: Expression) -> Expression:
    """A product without the numbers among its factors and divisors."""
    if not isinstance(term, Call):
        return term
    if term.primitive == _NEG:
        return _without_factor(term.arguments[0])
    if term.primitive not in (_MUL, _DIV):
        return term
    left, right = term.arguments
    if isinstance(right, Constant):
        return _without_factor(left)
    if term.primitive == _DIV:
        return Call(_DIV, (_without_factor(left), right))
    if isinstance(left, Constant):
        return _without_factor(right)
    return _without_factor(left) * _without_factor(right)


def _is_function(node: Expression) -> bool:
    """Whether a node is a function of one argument, a power or an inverse."""
    if not isinstance(node, Call):
        return False
    if node.primitive == _POW:
        return isinstance(node.arguments[1], Constant)
    if node.primitive == _DIV:
        return isinstance(node.arguments[0], Constant)
    return node.primitive.arity == 1 and node.primitive != _NEG


def _blocks_of(part: Expression) -> Iterator[Expression]:
    """The part in the form in which a factor in front is no second one."""
    if isinstance(part, Variable):
        yield part
        return
    linear = _linear(part)
    if linear is not None:
        yield from (Variable(name) for name in linear if name)
    elif isinstance(part, Call) and part.primitive == _MUL:
        first, second = (_linear(argument) for argument in part.arguments)
        if first is not None and second is not None:  # what is left of it are its monomials
            yield from (Variable(a) * Variable(b) for a in first for b in second if a and b)
        else:
            yield part
    elif isinstance(part, Call) and _is_function(part):
        yield from _function_block(part)


def _function_block(part: Call) -> Iterator[Expression]:
    inverse = part.primitive == _DIV
    inner = part.arguments[1] if inverse else part.arguments[0]
    linear = _linear(inner)
    weights = {name: w for name, w in (linear or {}).items() if name and w}
    if linear is None or not weights:
        yield ONE / inner if inverse else _at_rest(part)
    elif inverse or part.primitive == _POW:  # a power of a factor is a factor
        first = next(iter(weights.values()))
        scaled = {name: value / first for name, value in {**weights, "": linear[""]}.items()}
        base = _written(scaled, next(iter(weights)))
        yield ONE / base if inverse else base ** part.arguments[1]
    elif part.primitive == _EXP:
        yield Call(_EXP, (_written(weights),))
    else:
        argument = _written({**weights, "": linear[""]})
        yield _at_rest(Call(part.primitive, (argument,)))


def _at_rest(part: Expression) -> Expression:
    """Waves with a phase near zero, of either sign, and exponentials without a shift."""
    rest = _without_factor(reduced_phases(folded_exponents(part)))
    if isinstance(rest, Call) and rest.primitive in (_SIN, _COS):
        inner = rest.arguments[0]
        if rest.primitive == _COS or not _has_shift(inner):
            shift = math.pi / 2 if rest.primitive == _COS else 0.0
            return Call(_SIN, (inner + shift,))
    return rest


def _has_shift(inner: Expression) -> bool:
    linear = _linear(inner)
    return linear is None or linear[""] != 0


def _written(linear: _Linear, plain: str | None = None) -> Expression:
    """A linear function with a factor for each variable but a plain one, and the shift last."""
    terms = [
        Variable(name) if name == plain else factor * Variable(name)
        for name, factor in linear.items()
        if name
    ]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total + linear[""] if "" in linear else total


def _linear(expression: Expression) -> _Linear | None:
    """An expression as a linear function of its variables, or None if it is none."""

    def visit(node: Expression, parts: tuple[_Linear | None, ...]) -> _Linear | None:
        if isinstance(node, Constant):
            return {"": node.value}
        if isinstance(node, Variable):
            return {node.name: 1.0, "": 0.0}
        if not isinstance(node, Call) or any(part is None for part in parts):
            return None
        known = [part for part in parts if part is not None]
        if node.primitive == _NEG:
            return _scaled(known[0], -1.0)
        if node.primitive in (_ADD, _SUB):
            sign = 1.0 if node.primitive == _ADD else -1.0
            left, right = known[0], _scaled(known[1], sign)
            names = list(dict.fromkeys([*left, *right]))
            return {name: left.get(name, 0.0) + right.get(name, 0.0) for name in names}
        if node.primitive == _MUL and (len(known[0]) == 1 or len(known[1]) == 1):
            number, other = sorted(known, key=len)
            return _scaled(other, number[""])
        if node.primitive == _DIV and len(known[1]) == 1 and known[1][""] != 0:
            return _scaled(known[0], 1 / known[1][""])
        return None

    return fold(expression, visit)


def _scaled(linear: _Linear, factor: float) -> _Linear:
    return {name: factor * value for name, value in linear.items()}
