"""Functions of replicas whose gradient is known in closed form, as one node of the graph."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

__all__ = ["autograd_is_plain", "with_closed_gradient"]

Closed = Callable[[Sequence[Tensor]], tuple[Tensor, Sequence[Tensor]]]
Composed = Callable[[Sequence[Tensor]], Tensor]


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


def with_closed_gradient(closed: Closed, composed: Composed, tensors: Sequence[Tensor]) -> Tensor:
    """A function of each replica, `(R,)`, with its gradient found along with its value.

    Arguments:
        closed: Gives the value `(R,)` and its derivatives by the tensors, of their shapes. It
            is called without recording; replica r's value depends on replica r's entries only.
        composed: Gives the same value by differentiable operations; derivatives of derivatives
            are found with it.
        tensors: What the function depends on; they lead with R and have equally many dimensions.
    """
    value: Tensor = _ClosedGradient.apply(closed, composed, *tensors)  # type: ignore[no-untyped-call]
    return value


class _ClosedGradient(torch.autograd.Function):
    """Keeps the gradient found along with the value; backward only scales it."""

    @staticmethod
    def forward(ctx: FunctionCtx, closed: Closed, composed: Composed, *tensors: Tensor) -> Tensor:
        value, gradients = closed(tensors)
        ctx.save_for_backward(*tensors)
        ctx.gradients, ctx.composed = gradients, composed  # type: ignore[attr-defined]
        return value

    @staticmethod
    def backward(ctx: FunctionCtx, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():
            scale = slopes[0]
            return (
                None,
                None,
                *(
                    gradient * scale.view(-1, *(1,) * (gradient.dim() - 1))
                    for gradient in ctx.gradients  # type: ignore[attr-defined]
                ),
            )
        # Someone wants derivatives of this derivative.
        tensors: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]
        wanted = [tensor for tensor in tensors if tensor.requires_grad]
        value = ctx.composed(tensors)  # type: ignore[attr-defined]
        found = iter(torch.autograd.grad(value, wanted, slopes[0], create_graph=True))
        return None, None, *(next(found) if t.requires_grad else None for t in tensors)
