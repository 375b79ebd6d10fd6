"""Conjugate gradients for many small symmetric systems at once."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["conjugate_gradient"]


def conjugate_gradient(
    product: Callable[[Tensor], Tensor], right: Tensor, *, tolerance: float, steps: int
) -> tuple[Tensor, Tensor]:
    r"""Solve :math:`A v = g` for each vector, A symmetric and given by its products.

    Arguments:
        product: Gives A v, same shape, for vectors `(*, d)`; each with a matrix of its own.
        right: Right-hand sides g, `(*, d)`.
        tolerance: Length of a residual that is small enough, in units of that of g.
        steps: Largest number of steps.
    Returns:
        The vectors v, `(*, d)`, and whether each was solved, `(*,)`. A vector is given up where a
        direction of curvature that is not positive shows, or steps run out.
    Source: Hestenes, Stiefel (1952), https://doi.org/10.6028/jres.049.044.
    """
    solution, residual, direction = torch.zeros_like(right), right, right
    square = right.square().sum(-1, keepdim=True)
    enough = tolerance**2 * square
    active = square > enough
    failed = ~torch.isfinite(square)
    for _ in range(steps):
        if not active.any():
            break
        image = product(direction)
        curvature = (direction * image).sum(-1, keepdim=True)
        failed = failed | (active & ~(curvature > 0))
        active = active & ~failed
        length = torch.where(active, square / curvature, 0.0)
        solution = solution + length * direction
        residual = residual - length * image
        reduced = residual.square().sum(-1, keepdim=True)
        ratio = torch.where(active, reduced / square, 0.0)
        direction = residual + ratio * direction
        square = torch.where(active, reduced, square)
        active = active & ~(reduced <= enough)
    return solution, ~(active | failed).squeeze(-1)
