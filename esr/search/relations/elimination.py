"""Sparse solutions of linear equations: exact ones by null vectors, inexact ones as a path."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "Support",
    "backward_path",
    "combination",
    "first_relation",
    "misses",
    "sparse_solution",
]

_DEPENDENT = 1e-11
"""Share of a column that is rounding where the rest depends on columns before it."""
_SHARES = (3e-2, 3e-3, 1e-4, 1e-6, 1e-8, 1e-10)
"""Columns that add less than such a share of the largest are tried without, all at once."""


@dataclass(frozen=True)
class Support:
    """Columns and their numbers.

    Arguments:
        columns: Places of the columns, rising.
        numbers: As many.
        miss: Root of the mean squared residual.
    """

    columns: tuple[int, ...]
    numbers: tuple[float, ...]
    miss: float


def combination(columns: Tensor, target: Tensor) -> Support:
    """The least-squares combination of columns; those that depend on ones before them stay out.

    Arguments:
        columns: Shape `(N, K)`, finite, simple ones first.
        target: Shape `(N,)`.
    """
    return _solved(columns, target, _independent(columns, columns.norm(dim=0)))


def sparse_solution(columns: Tensor, target: Tensor, limit: float) -> Support | None:
    """A combination of few columns that meets the target up to rounding.

    Columns that depend on ones before them go first, then all that add little, then one after
    another, while what is left still meets the target.

    Arguments:
        columns: Shape `(N, K)`, finite, simple ones first.
        target: Shape `(N,)`.
        limit: Largest root mean squared residual.
    Returns:
        The combination, or None if all columns together miss the target.
    """
    norms = columns.norm(dim=0)
    kept = _independent(columns, norms)
    found = _solved(columns, target, kept)
    if not found.miss <= limit:
        return None
    while (shorter := _shorter(columns, target, norms, found, limit)) is not None:
        found = shorter
    return found


def _shorter(
    columns: Tensor, target: Tensor, norms: Tensor, found: Support, limit: float
) -> Support | None:
    """What still meets the target with fewer columns: far fewer, if possible."""
    if not found.columns:
        return None
    adds = torch.tensor(found.numbers, dtype=norms.dtype).abs() * norms[list(found.columns)].cpu()
    order = adds.argsort().tolist()
    tried = len(found.columns)
    for share in _SHARES:
        least = share * float(adds.max())
        kept = [c for c, add in zip(found.columns, adds.tolist(), strict=True) if add > least]
        if len(kept) < tried:
            tried = len(kept)
            shorter = _solved(columns, target, kept)
            if shorter.miss <= limit:
                return shorter
    for place in order:
        kept = [c for index, c in enumerate(found.columns) if index != place]
        shorter = _solved(columns, target, kept)
        if shorter.miss <= limit:
            return shorter
    return None


def first_relation(columns: Tensor, limit: float) -> tuple[int, Support] | None:
    """The first column that depends on the ones before it, and how.

    With columns ordered from simple to complex this is the relation whose most complex column is
    the simplest: multiples of it by further factors come later.

    Arguments:
        columns: Shape `(N, K)`, finite, K at most N.
        limit: Largest root mean squared residual relative to the column's root mean square.
    Returns:
        The place of the column and the combination of others that it equals, or None.
    """
    norms = columns.norm(dim=0)
    if not bool((norms > 0).all()) or columns.shape[1] > columns.shape[0]:
        return None
    rest = torch.linalg.qr(columns / norms, mode="r").R.diagonal().abs()
    dependent = (rest <= _DEPENDENT).nonzero()[:, 0].tolist()
    if not dependent:
        return None
    place = int(dependent[0])
    size = float(norms[place]) / len(columns) ** 0.5
    found = sparse_solution(columns[:, :place], columns[:, place], limit * size)
    return None if found is None or not found.columns else (place, found)


def backward_path(columns: Tensor, target: Tensor, most: int) -> list[Support]:
    r"""Backward elimination by least squares: drop the column that hurts least, again and again.

    Dropping column j raises the sum of squares by :math:`c_j^2 / (A^T A)^{-1}_{jj}`, and the
    inverse without it is a change of rank one, so that the whole path costs little more than one
    solution.

    Arguments:
        columns: Shape `(N, K)`, finite, fewer columns than rows.
        target: Shape `(N,)`.
        most: Largest number of columns of what is returned.
    Returns:
        One combination for each number of columns, the longest first.
    """
    norms = columns.norm(dim=0)
    kept = _independent(columns, norms)
    if not kept:
        return []
    scaled = columns[:, kept] / norms[kept]
    factor, triangle = torch.linalg.qr(scaled)
    inverse = torch.linalg.inv(triangle)
    covariance, numbers = inverse @ inverse.T, inverse @ (factor.T @ target)
    squares = (target - scaled @ numbers).square().sum()
    sizes = norms[kept].tolist()
    path: list[Support] = []
    while kept:
        if len(kept) <= most:
            values = [c / size for c, size in zip(numbers.tolist(), sizes, strict=True)]
            miss = max(0.0, float(squares) / len(target)) ** 0.5
            path.append(Support(tuple(kept), tuple(values), miss))
        cost = numbers.square() / covariance.diagonal()
        place = int(cost.argmin())
        squares = squares + cost[place]
        column = covariance[:, place] / covariance[place, place]
        numbers = numbers - column * numbers[place]
        covariance = covariance - column[:, None] * covariance[place]
        rest = [index for index in range(len(kept)) if index != place]
        kept, sizes = [kept[index] for index in rest], [sizes[index] for index in rest]
        numbers, covariance = numbers[rest], covariance[rest][:, rest]
    return path


def misses(columns: Tensor, supports: Tensor, target: Tensor) -> Tensor:
    """Roots of the mean squared residuals of many combinations, all at once.

    Arguments:
        columns: Shape `(N, K)`, finite.
        supports: Places of the columns of each combination, `(S, k)`.
        target: Shape `(N,)`.
    Returns:
        Shape `(S,)`; not a number where columns depend on each other.
    """
    norms = columns.norm(dim=0).clamp(min=1e-300)
    chosen = (columns / norms)[:, supports].movedim(0, 1)  # (S, N, k)
    factor = torch.linalg.qr(chosen).Q
    rest = target - (factor @ (factor.mT @ target[:, None]))[..., 0]
    rest = rest - (factor @ (factor.mT @ rest[..., None]))[..., 0]  # (S, N)
    roots: Tensor = rest.square().mean(1).sqrt()
    return roots


def _independent(columns: Tensor, norms: Tensor) -> list[int]:
    """Places of columns that do not depend on the ones before them."""
    usable = (norms > 0).nonzero()[:, 0].tolist()[: len(columns)]
    if not usable:
        return []
    scaled = columns[:, usable] / norms[usable]
    rest = torch.linalg.qr(scaled, mode="r").R.diagonal().abs().tolist()
    return [place for place, size in zip(usable, rest, strict=True) if size > _DEPENDENT]


def _solved(columns: Tensor, target: Tensor, kept: list[int]) -> Support:
    """Least squares on some of the columns, scaled."""
    if not kept:
        return Support((), (), float(target.square().mean().sqrt()))
    part = columns[:, kept]
    norms = part.norm(dim=0)
    scaled = part / norms
    factor, triangle = torch.linalg.qr(scaled)
    solution = _back(triangle, factor, target)
    solution = solution + _back(triangle, factor, target - scaled @ solution)  # one refinement
    miss = float((target - scaled @ solution).square().mean().sqrt())
    return Support(tuple(kept), tuple((solution / norms).tolist()), miss)


def _back(triangle: Tensor, factor: Tensor, target: Tensor) -> Tensor:
    solution: Tensor = torch.linalg.solve_triangular(
        triangle, (factor.T @ target)[:, None], upper=True
    )
    return solution[:, 0]
