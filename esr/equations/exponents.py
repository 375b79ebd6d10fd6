"""A normal form of exponentials: what is added in the exponent becomes a factor."""

import math

from esr.equations.angles import split_constant
from esr.equations.expression import Call, Constant, Expression
from esr.equations.folding import fold_constants
from esr.equations.standard import STANDARD
from esr.equations.traversal import fold

__all__ = ["folded_exponents"]

_EXP = STANDARD["exp"]
_LARGEST = 300.0
"""Size of an added number whose exponential is a number of float64 with full precision."""


def folded_exponents(expression: Expression) -> Expression:
    r"""The same function with no constant added in the argument of an exponential.

    .. math:: e^{u + c} = e^c\, e^u

    Arguments:
        expression: Any expression; where c is beyond 300 in size, it stays.
    """

    def rewrite(node: Expression, parts: tuple[Expression, ...]) -> Expression:
        if not isinstance(node, Call):
            return node
        if node.primitive == _EXP:
            rest, shift = split_constant(parts[0])
            if rest is not None and shift != 0 and abs(shift) <= _LARGEST:
                return Constant(math.exp(shift)) * Call(_EXP, (rest,))
        return Call(node.primitive, parts)

    return fold(fold_constants(expression), rewrite)
