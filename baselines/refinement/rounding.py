"""Least squares on triangles: real coefficients, and the best ones among the language's steps."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.languages import Number

__all__ = ["real_coefficients", "rounded_coefficients", "triangular"]

_NEGLIGIBLE = 1e-12  # a column whose new part is shorter than this share of it adds nothing


def triangular(columns: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal bases `(*, N, C)` and triangles `(*, C, C)` whose product is the columns.

    A column that adds nothing to those before it, or is not finite, gets a zero basis vector and
    a zero on the diagonal.

    Arguments:
        columns: `(*, N, C)`.
    """
    finite = torch.isfinite(columns).all(-2, keepdim=True)
    columns = torch.where(finite, columns, 0.0)
    basis, triangle = torch.linalg.qr(columns)
    lengths = torch.linalg.vector_norm(columns, dim=-2)
    adds = triangle.diagonal(dim1=-2, dim2=-1).abs() > _NEGLIGIBLE * lengths
    basis = torch.where(adds[..., None, :], basis, 0.0)
    return basis, torch.where(adds[..., None], triangle, 0.0)


def real_coefficients(triangle: Tensor, projected: Tensor) -> Tensor:
    """Coefficients `(*, C)` of least squares; zero for columns that add nothing.

    Arguments:
        triangle: As from `triangular`, `(*, C, C)`.
        projected: The targets in the basis, `(*, C)`.
    """
    empty = triangle.diagonal(dim1=-2, dim2=-1) == 0
    regular = triangle + torch.diag_embed(empty.to(triangle))
    right = torch.where(empty, 0.0, projected)[..., None]
    found: Tensor = torch.linalg.solve_triangular(regular, right, upper=True)[..., 0]
    return found


def rounded_coefficients(
    number: Number,
    triangle: Tensor,
    projected: Tensor,
    beam: int = 16,
    tried: Sequence[int] = (0, -1, 1),
) -> tuple[Tensor, Tensor]:
    r"""Coefficients in steps that nearly minimise a sum of squares.

    .. math:: \min_k \| R k / s - z \|^2

    The last coefficient is rounded first; then, with what remains, the one before it, and so on,
    since rounding one moves the best value of the others. Each time the nearest number and its
    neighbours on both sides are tried, and the best few beginnings kept. It may miss the minimum
    where the best real coefficients lie well outside of the range.

    Arguments:
        number: What may stand before a term, with scale s.
        triangle: :math:`R`, `(*, C, C)`.
        projected: :math:`z`, the targets in the basis, `(*, C)`.
        beam: Beginnings kept, at least 1.
        tried: Which numbers are tried, as places after the nearest one; 0 first.
    Returns:
        For each of the L best, at most `beam`, best first: steps int64 `(*, L, C)`, and the sum
        of squares `(*, L)`; that of the part of the targets outside the basis is not counted.
    Source: C. Schnorr, M. Euchner (1994), Lattice basis reduction, Mathematical Programming 66,
        https://doi.org/10.1007/BF01581144; in breadth with a bound on it, as in K-best decoders.
    """
    count = projected.shape[-1]
    cost = projected.new_zeros(*projected.shape[:-1], 1)  # (*, L)
    steps = torch.zeros_like(cost[..., None].expand(*cost.shape, count), dtype=torch.long)
    for place in range(count - 1, -1, -1):
        row = triangle[..., None, place, :]  # (*, 1, C)
        known = (row * steps).sum(-1) / number.scale
        remains, pivot = projected[..., None, place] - known, row[..., place]  # (*, L), (*, 1)
        centre = torch.where(pivot == 0, 0.0, remains / torch.where(pivot == 0, 1.0, pivot))
        near = number.nearest(centre)
        trials = torch.stack([number.shifted(near, by) for by in tried], -1)  # (*, L, tried)
        left = remains[..., None] - pivot[..., None] * trials / number.scale
        repeats = trials == near[..., None]  # at the ends of the range
        repeats[..., 0] = False
        left = torch.where(repeats, torch.inf, left)
        total = (cost[..., None] + left.square()).flatten(-2)
        steps = steps.repeat_interleave(len(tried), -2)
        steps[..., place] = trials.flatten(-2)
        cost, best = total.topk(min(beam, total.shape[-1]), largest=False, sorted=True)
        steps = steps.gather(-2, best[..., None].expand(*best.shape, count))
    return steps, cost
