"""Expressions without what is multiplied by zero."""

from esr.equations import STANDARD, Call, Constant, Expression, fold

__all__ = ["without_zeros"]

_ADD, _SUB, _MUL, _DIV = (STANDARD[name] for name in ("add", "sub", "mul", "div"))
_ZERO = Constant(0.0)


def without_zeros(expression: Expression) -> Expression:
    """The expression with products of 0 replaced by 0, and sums with 0 by the other summand.

    Arguments:
        expression: Any expression; where it is not finite the result may be.
    """

    def visit(node: Expression, parts: tuple[Expression, ...]) -> Expression:
        if not isinstance(node, Call):
            return _ZERO if isinstance(node, Constant) and node.value == 0 else node
        if node.primitive == _MUL and _ZERO in parts:
            return _ZERO
        if node.primitive == _DIV and parts[0] == _ZERO:
            return _ZERO
        if node.primitive in (_ADD, _SUB) and parts[1] == _ZERO:
            return parts[0]
        if node.primitive in (_ADD, _SUB) and parts[0] == _ZERO:
            return parts[1] if node.primitive == _ADD else -parts[1]
        return Call(node.primitive, parts)

    return fold(expression, visit)
