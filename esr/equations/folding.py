"""Folding calls of constants into constants."""

import math

import torch

from esr.equations.expression import Call, Constant, Expression
from esr.equations.traversal import fold

__all__ = ["fold_constants"]


def fold_constants(expression: Expression, *, beyond: float = 0.0) -> Expression:
    """The expression with calls of constants replaced by their float64 values.

    Arguments:
        expression: Any expression.
        beyond: Fold only where an operand or the value is at least this large; from 0.
    Returns:
        An expression of the same value. Calls whose value is NaN or infinite stay.
    """

    def visit(node: Expression, arguments: tuple[Expression, ...]) -> Expression:
        if not isinstance(node, Call):
            return node
        call = Call(node.primitive, arguments)
        operands = [part.value for part in arguments if isinstance(part, Constant)]
        if len(operands) < len(arguments):
            return call
        tensors = (torch.tensor(value, dtype=torch.float64) for value in operands)
        value = node.primitive.torch_function(*tensors).item()
        large = max(abs(number) for number in (value, *operands)) >= beyond
        return Constant(value) if large and math.isfinite(value) else call

    return fold(expression, visit)
