"""Primitives that stay finite wherever their arguments are, for the relaxed path."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from esr.equations import Primitive
from esr.equations.evaluation import partial_derivatives

__all__ = ["guarded", "guarded_partials"]


def guarded(primitive: Primitive, bound: float, *arguments: Tensor) -> Tensor:
    """A primitive's value without poles, overflow and holes in its domain.

    A value that is NaN or infinite becomes 0, one beyond the bound becomes the bound; slopes are
    those of `guarded_partials`. Within the bound nothing changes. It can be differentiated once.

    Arguments:
        primitive: Without scale.
        bound: Largest magnitude of the value, above 0.
        arguments: One finite tensor per argument, all of one shape `(*)`.
    Returns:
        Shape `(*)`.
    """
    value: Tensor = _Guarded.apply(primitive, bound, *arguments)  # type: ignore[no-untyped-call]
    return value


def guarded_partials(
    primitive: Primitive, bound: float, arguments: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """The slopes of `guarded`: 0 where the value is not finite or beyond the bound, or where the
    slope is not finite; else the derivative, clamped to the bound.

    Arguments:
        primitive: Without scale.
        bound: As for `guarded`.
        arguments: One finite tensor per argument, all of one shape `(*)`.
    Returns:
        One tensor of shape `(*)` per argument.
    """
    value = primitive.torch_function(*arguments)
    inside = value.abs() <= bound  # false for NaN
    found = []
    for partial in partial_derivatives(primitive, value, arguments):
        slope = torch.as_tensor(partial, dtype=value.dtype, device=value.device)
        found.append(torch.where(inside & slope.isfinite(), slope, 0).clamp(-bound, bound))
    return tuple(found)


class _Guarded(torch.autograd.Function):
    """The guarded value, with its slopes found when they are asked for."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, primitive: Primitive, bound: float, *arguments: Tensor
    ) -> Tensor:
        ctx.save_for_backward(*arguments)
        ctx.primitive, ctx.bound = primitive, bound  # type: ignore[attr-defined]
        value = primitive.torch_function(*arguments)
        return torch.where(value.isfinite(), value, 0).clamp(-bound, bound)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        arguments: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]
        primitive: Primitive = ctx.primitive  # type: ignore[attr-defined]
        bound: float = ctx.bound  # type: ignore[attr-defined]
        partials = guarded_partials(primitive, bound, arguments)
        return None, None, *(slopes[0] * partial for partial in partials)
