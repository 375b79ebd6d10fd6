"""Whether an equation has no functions but those that may occur."""

from esr.equations import Call, Constant, Expression, PrimitiveSet, prefix
from esr.equations.standard import ARITHMETIC, POW, SQRT

__all__ = ["is_made_of"]

_OPERATORS = {primitive.name for primitive in ARITHMETIC} - {POW.name, SQRT.name}


def is_made_of(expression: Expression, primitives: PrimitiveSet) -> bool:
    """Whether all functions of an expression may occur.

    Operators and whole powers always may; half of a whole power may with `sqrt`, others with
    `pow`.

    Arguments:
        expression: Any.
        primitives: Those that may.
    """
    return all(
        not isinstance(node, Call)
        or node.primitive.name in _OPERATORS
        or node.primitive.name in primitives
        or (node.primitive == POW and _is_simple(node.arguments[1], primitives))
        for node in prefix(expression)
    )


def _is_simple(exponent: Expression, primitives: PrimitiveSet) -> bool:
    if not isinstance(exponent, Constant):
        return False
    roots = 2 if SQRT.name in primitives else 1
    return (roots * exponent.value).is_integer()
