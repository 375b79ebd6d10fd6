"""Applying a primitive to expressions, with its scale written out."""

from esr.equations.expression import Call, Expression
from esr.equations.primitives import Primitive
from esr.equations.standard import CUBE, IDENTITY, INVERSE, SQUARE

__all__ = ["apply"]


def apply(primitive: Primitive, *arguments: Expression) -> Expression:
    r"""The expression of a primitive's value, as a reader would write it.

    .. math:: m\, f(k x) + b

    The scale becomes products and sums of unscaled primitives, without factors 1 and shifts 0;
    `identity` becomes its argument, `square` and `cube` powers, `inverse` a quotient. The input
    limit, a device of training, is left out.

    Arguments:
        primitive: Any primitive.
        arguments: One expression per argument of the primitive.
    Raises:
        ValueError: If the number of arguments is not the primitive's arity.
    """
    scale = primitive.scale
    if scale.input_scale != 1:
        arguments = tuple(scale.input_scale * argument for argument in arguments)
    result = _written_out(primitive.base, arguments)
    if scale.output_scale != 1:
        result = scale.output_scale * result
    return result if scale.output_shift == 0 else result + scale.output_shift


def _written_out(primitive: Primitive, arguments: tuple[Expression, ...]) -> Expression:
    """The call, or its usual notation where it has one."""
    call = Call(primitive, arguments)
    if primitive == IDENTITY:
        return call.arguments[0]
    if primitive == SQUARE:
        return call.arguments[0] ** 2
    if primitive == CUBE:
        return call.arguments[0] ** 3
    if primitive == INVERSE:
        return 1 / call.arguments[0]
    return call
