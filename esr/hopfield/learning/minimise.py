"""Minimise a smooth function of a few tensors."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

__all__ = ["minimise"]


def minimise(loss: Callable[[], Tensor], parameters: Sequence[Tensor], steps: int) -> None:
    """Change parameters in place to where a loss is least, by L-BFGS with a line search.

    Arguments:
        loss: The loss at the parameters' present values, a scalar with gradients.
        parameters: Tensors that require gradients.
        steps: Most iterations; fewer if the largest slope falls below 1e-6.
    """
    optimizer = torch.optim.LBFGS(
        list(parameters),
        max_iter=steps,
        tolerance_grad=1e-6,
        tolerance_change=1e-12,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()

    optimizer.step(closure)  # type: ignore[no-untyped-call]
