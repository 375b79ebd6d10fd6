"""Products of two stored patterns, each with a shift of its own, scored for all pairs at once."""

import torch
from torch import Tensor

from esr.search.clock import Clock
from esr.search.recall.best import Best, Hits
from esr.search.recall.view import View, project

__all__ = ["explained_by_frames", "framed_pairs"]

_CHUNK = 512
_PARALLEL = {torch.float32: 1e-3, torch.float64: 1e-9}
"""Share of a square that must be left beside other directions: less drowns in rounding."""

_MORE_THAN_ALL = 1.01
"""A larger share is rounding."""


def framed_pairs(view: View, values: Tensor, most: int, clock: Clock) -> Hits:
    r"""Pairs of patterns for which :math:`(f + a)(g + b)` matches a view's target best.

    With the view's basis projected out of :math:`w f g`, of :math:`w f` and of :math:`w g`, the
    normal equations of the three are nine numbers for each pair, all of which are products of
    matrices of patterns, their squares, and patterns times the basis or the target.

    Arguments:
        view: The view; it adds behaviours themselves.
        values: Patterns, `(K, N)`, with mean 0 and about 1 in size, which loses nothing as
            shifts are free; float32 or float64.
        most: Largest number of matches.
        clock: Pairs are left out when this has expired.
    """
    target, basis, weights = (
        tensor.to(values) for tensor in (view.target, view.directions, view.weights)
    )
    left = project(values * weights, basis)  # (K, N), of wf
    weighted, squares = values * weights, values.square()
    lengths, known = left.square().sum(1), left @ target
    best, small = Best(most, values), _PARALLEL[values.dtype]
    for start in range(0, len(values), _CHUNK):
        if clock.expired:
            break
        rows = slice(start, start + _CHUNK)
        own, others = values[rows], values[start:].T
        whole = weighted[rows].square() @ squares[start:].T  # (C, K')
        for direction in basis:
            part = (weighted[rows] * direction) @ others
            whole.addcmul_(part, part, value=-1)
        matched = (weighted[rows] * target) @ others
        crossed = (weighted[rows] * left[rows]) @ others  # wfg with wf
        other_crossed = own @ (weighted[start:] * left[start:]).T  # wfg with wg
        shared = left[rows] @ left[start:].T
        a, b = lengths[rows, None], lengths[None, start:]
        c, d = known[rows, None], known[None, start:]
        free = a * b - shared.square()
        usable = free > small * a * b
        free = torch.where(usable, free, 1.0)
        alone = (b * c * c - 2 * shared * c * d + a * d * d) / free
        first = (b * crossed - shared * other_crossed) / free
        second = (a * other_crossed - shared * crossed) / free
        remains = whole - first * crossed - second * other_crossed
        usable &= remains > small * whole
        gained = (matched - first * c - second * d).square() / remains
        explained = alone + gained
        best.add(explained.masked_fill_(~usable | (explained > _MORE_THAN_ALL), 0), start)
    return best.hits()


def explained_by_frames(view: View, values: Tensor, pairs: Tensor) -> Tensor:
    """Share of a view's target that a product and both its factors explain, in full precision.

    Arguments:
        view: The view.
        values: Patterns, `(K, N)`, float64.
        pairs: Places of pairs, `(H, 2)`.
    Returns:
        Shape `(H,)`.
    """
    factors = values[pairs]  # (H, 2, N)
    columns = torch.cat([factors.prod(1, keepdim=True), factors], 1) * view.weights
    columns = columns - (columns @ view.directions.T) @ view.directions
    columns = columns / columns.norm(dim=2, keepdim=True)
    usable = torch.isfinite(columns).all(2).all(1)
    q = torch.linalg.qr(columns[usable].mT).Q  # (H', N, 3)
    explained = values.new_zeros(len(pairs))
    explained[usable] = (q.mT @ view.target).square().sum(1)
    return explained
