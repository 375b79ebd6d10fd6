"""Activations that hand their gradient to the internal states unchanged."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from esr.errors import ConfigurationError

__all__ = ["straight_through"]


def straight_through(activation: Callable[[Tensor], Tensor], states: Tensor) -> Tensor:
    r"""Activations V = g(u), whose gradient reaches u unchanged: as if dV/du were the identity.

    After `energy(V).backward()` it is :math:`u.grad = dE/dV`, so that a step of
    `HebbianOptimizer` is the graded Hopfield network's
    :math:`u \leftarrow u + dt(-u - dE/dV)`. The chain rule would give :math:`g'(u)\,dE/dV`,
    which vanishes where units saturate.

    Arguments:
        activation: :math:`g`, which keeps the shape; it is not differentiated.
        states: Internal states u, any shape.
    Returns:
        Activations V, same shape.
    Raises:
        ConfigurationError: If the activation changes the shape.
    Source: Hopfield (1984), https://doi.org/10.1073/pnas.81.10.3088, eq. 5, whose dynamics
        follow the energy's gradient by V, not by u.
    """
    with torch.no_grad():
        activations = activation(states)
    if activations.shape != states.shape:
        raise ConfigurationError(
            f"the activation must keep the shape of the states {tuple(states.shape)}, but gave "
            f"{tuple(activations.shape)}"
        )
    passed: Tensor = _PassedOn.apply(states, activations)  # type: ignore[no-untyped-call]
    return passed


class _PassedOn(torch.autograd.Function):
    """The second tensor forwards, the first one's identity backwards."""

    generate_vmap_rule = True

    @staticmethod
    def forward(states: Tensor, activations: Tensor) -> Tensor:
        return activations.clone()

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Tensor], output: Tensor) -> None: ...

    @staticmethod
    def backward(ctx: FunctionCtx, *slopes: Tensor) -> tuple[Tensor, None]:
        return slopes[0], None
