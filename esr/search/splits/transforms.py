"""Functions of the target that are simpler than the target itself, and their way back."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Call, Expression, PrimitiveSet
from esr.equations.standard import SQRT

__all__ = ["AS_IS", "RECIPROCAL", "SQUARED", "TRANSFORMS", "Transform"]


_SMALL = 0.03
"""Standard deviations of a target near zero, where its square has no slope."""
_NOISE = 0.2
"""Standard deviations that noise may bring a target below zero."""


@dataclass(frozen=True)
class Transform:
    """A function T of the target y that has an inverse.

    Arguments:
        apply: T.
        slope: The derivative of T, with which noise on y becomes noise on T(y).
        undo: From an expression for T(y) to one for y.
        holds: Whether T has an inverse on these targets `(N,)`.
        needs: Name of the primitive in the inverse; empty for none.
        nodes: Nodes that the inverse adds to an expression.
    """

    apply: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    undo: Callable[[Expression], Expression]
    holds: Callable[[Tensor], bool]
    needs: str = ""
    nodes: int = 0

    def serves(self, target: Tensor, primitives: PrimitiveSet) -> bool:
        """Whether the inverse exists on these targets `(N,)` and may be written."""
        return (not self.needs or self.needs in primitives) and self.holds(target)


def _same(target: Tensor) -> Tensor:
    return target


def _unit(target: Tensor) -> Tensor:
    return torch.ones_like(target)


def _twice(target: Tensor) -> Tensor:
    return 2 * target.abs().clamp(min=float(_SMALL * target.std()))


def _reciprocal_slope(target: Tensor) -> Tensor:
    return -1 / target.square()


def _as_it_is(expression: Expression) -> Expression:
    return expression


def _root(expression: Expression) -> Expression:
    return Call(SQRT, (expression,))


def _one_over(expression: Expression) -> Expression:
    return 1 / expression


def _always(target: Tensor) -> bool:
    return True


def _not_negative(target: Tensor) -> bool:
    return bool(target.min() >= -_NOISE * target.std())


def _away_from_zero(target: Tensor) -> bool:
    sizes = target.abs()
    return bool(sizes.min() > 1e-3 * sizes.max())


AS_IS = Transform(_same, _unit, _as_it_is, _always)
"""y."""
SQUARED = Transform(torch.square, _twice, _root, _not_negative, needs="sqrt", nodes=1)
"""y squared, for targets that are roots."""
RECIPROCAL = Transform(
    torch.reciprocal, _reciprocal_slope, _one_over, _away_from_zero, needs="", nodes=2
)
"""1/y, for targets that are reciprocals."""
TRANSFORMS = (AS_IS, SQUARED, RECIPROCAL)
