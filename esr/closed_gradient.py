"""Functions of replicas whose derivatives are known in closed form, as nodes of the graph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

__all__ = ["autograd_is_plain", "with_closed_gradient"]

Closed = Callable[[Sequence[Tensor]], tuple[Tensor, Sequence[Tensor]]]
Composed = Callable[[Sequence[Tensor]], Tensor]
HessianProduct = Callable[[Sequence[Tensor], Sequence[Tensor]], Sequence[Tensor]]
Retake = Callable[[Sequence[Tensor], Sequence[Tensor]], Sequence[Tensor]]


def autograd_is_plain(*tensors: Tensor) -> bool:
    """Whether ordinary gradients of some of these tensors are recorded, and nothing else.

    False under function transforms (`torch.func`), forward-mode differentiation, autocast,
    compilation and tracing, which need to see the operations themselves.
    """
    return (
        torch.is_grad_enabled()
        and any(tensor.requires_grad for tensor in tensors)
        and not torch._C._are_functorch_transforms_active()
        and torch.autograd.forward_ad._current_level < 0
        and not torch.is_autocast_enabled(tensors[0].device.type)
        and not torch.compiler.is_compiling()
        and torch._C._get_tracing_state() is None
    )


def with_closed_gradient(
    closed: Closed,
    composed: Composed,
    tensors: Sequence[Tensor],
    hessian_product: HessianProduct | None = None,
    retake: Retake | None = None,
) -> Tensor:
    """A function of each replica, `(R,)`, with its gradient found along with its value.

    Arguments:
        closed: Gives the value `(R,)` and its derivatives by the tensors, of their shapes. It
            is called without recording; replica r's value depends on replica r's entries only.
        composed: Gives the same value by differentiable operations; derivatives of derivatives
            are found with it.
        tensors: What the function depends on; they lead with R and have equally many dimensions.
        hessian_product: Gives, for tensors and one vector of each one's shape, how the
            derivatives change along the vectors, likewise without recording. Second derivatives
            are then found with it, and only those beyond with `composed`.
        retake: Gives the derivatives that take the place of those of `closed` where second
            derivatives turn out to be wanted, for tensors and the derivatives there are. Where
            `closed` rounds as what was wanted before makes it, this can make results independent
            of that.
    """
    form = _Form(closed, composed, hessian_product, retake)
    value: Tensor = _ClosedGradient.apply(form, *tensors)  # type: ignore[no-untyped-call]
    return value


@dataclass(frozen=True)
class _Form:
    """The ways in which a function and its derivatives can be had."""

    closed: Closed
    composed: Composed
    hessian_product: HessianProduct | None
    retake: Retake | None

    def slopes(self, slope: Tensor, tensors: Sequence[Tensor]) -> list[Tensor | None]:
        """The derivatives of the value times its slope `(R,)` by ordinary operations, recorded;
        None for tensors that want none."""
        tensors = _apart(tensors)
        wanted = [tensor for tensor in tensors if tensor.requires_grad]
        value = self.composed(tensors)
        found = iter(torch.autograd.grad(value, wanted, slope, create_graph=True))
        return [next(found) if tensor.requires_grad else None for tensor in tensors]


class _ClosedGradient(torch.autograd.Function):
    """Keeps the gradient found along with the value; backward only scales it."""

    @staticmethod
    def forward(ctx: FunctionCtx, form: _Form, *tensors: Tensor) -> Tensor:
        value, gradients = form.closed(tensors)
        ctx.save_for_backward(*tensors)
        ctx.gradients, ctx.form = gradients, form  # type: ignore[attr-defined]
        return value

    @staticmethod
    def backward(ctx: FunctionCtx, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        form: _Form = ctx.form  # type: ignore[attr-defined]
        gradients: Sequence[Tensor] = ctx.gradients  # type: ignore[attr-defined]
        if not torch.is_grad_enabled():
            return None, *_scaled(gradients, slopes[0])
        # Someone wants derivatives of this derivative.
        tensors: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]
        if form.hessian_product is None:
            return None, *form.slopes(slopes[0], tensors)
        if form.retake is not None:
            with torch.no_grad():
                gradients = form.retake(tensors, gradients)
        return None, *_ClosedSlopes.apply(form, gradients, slopes[0], *tensors)  # type: ignore[no-untyped-call]


class _ClosedSlopes(torch.autograd.Function):
    """The scaled gradient as a function of its own; backward is a product with the Hessian."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        form: _Form,
        gradients: Sequence[Tensor],
        slope: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(slope, *tensors)
        ctx.gradients, ctx.form = gradients, form  # type: ignore[attr-defined]
        return tuple(_scaled(gradients, slope))

    @staticmethod
    def backward(ctx: FunctionCtx, *vectors: Tensor) -> tuple[Tensor | None, ...]:
        form: _Form = ctx.form  # type: ignore[attr-defined]
        slope, *tensors = ctx.saved_tensors  # type: ignore[attr-defined]
        if torch.is_grad_enabled() or form.hessian_product is None:  # a third derivative
            return None, None, *_by_autograd(form, slope, tensors, vectors)
        by_slope: Tensor | None = None
        if ctx.needs_input_grad[2]:  # type: ignore[attr-defined]
            pairs = zip(ctx.gradients, vectors, strict=True)  # type: ignore[attr-defined]
            by_slope = torch.stack([(g * v).flatten(1).sum(1) for g, v in pairs]).sum(0)
        products = form.hessian_product(tensors, vectors)
        return None, None, by_slope, *_scaled(products, slope)


def _by_autograd(
    form: _Form, slope: Tensor, tensors: Sequence[Tensor], vectors: Sequence[Tensor]
) -> list[Tensor | None]:
    """The derivatives, by slope and tensors, of the slopes along vectors; recorded."""
    inputs = _apart([slope, *tensors])
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    pairs = [
        (found, vector)
        for found, vector in zip(form.slopes(inputs[0], inputs[1:]), vectors, strict=True)
        if found is not None
    ]
    found = torch.autograd.grad(
        [f for f, _ in pairs],
        wanted,
        [v for _, v in pairs],
        create_graph=True,
        materialize_grads=True,
    )
    remaining = iter(found)
    return [next(remaining) if tensor.requires_grad else None for tensor in inputs]


def _apart(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The same tensors, none of which depends on another, as a slope does on the tensors."""
    return [tensor.view_as(tensor) for tensor in tensors]


def _scaled(tensors: Sequence[Tensor], scale: Tensor) -> list[Tensor]:
    """Tensors that lead with R times one number for each replica, `(R,)`."""
    return [tensor * scale.view(-1, *(1,) * (tensor.dim() - 1)) for tensor in tensors]
