"""Scores of all stored patterns, and of all their pairs, from a few matrix products."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.search.clock import Clock
from esr.search.recall.bank import Bank

__all__ = ["Hits", "product_pairs", "singles", "sum_pairs", "thirds"]

_CHUNK = 1024
"""Patterns whose pairs with all others are scored at a time."""
_PARALLEL = {torch.float32: 1e-3, torch.float64: 1e-9}
"""Share of a pattern's square that must be its own, beside another pattern or a basis: less
drowns in rounding."""


@dataclass(frozen=True)
class Hits:
    """The best matches, best first.

    Arguments:
        places: Of the patterns of each match among those that were scored, `(H, P)`.
        explained: Share of the target's square that each explains, `(H,)`.
    """

    places: Tensor
    explained: Tensor


def singles(target: Tensor, bank: Bank, weights: Tensor, basis: Tensor, most: int) -> Hits:
    r"""Patterns that match a target best beside a basis.

    .. math:: R^2_i = \frac{(t\cdot w f_i)^2}{\lVert w f_i\rVert^2 - \sum_k (q_k\cdot w f_i)^2}

    Arguments:
        target: :math:`t`, of length 1 and orthogonal to the basis, `(N,)`.
        bank: Patterns :math:`f`.
        weights: Roots :math:`w` of the rows' weights, `(N,)`.
        basis: Orthonormal :math:`q`, `(B, N)`.
        most: Largest number of matches.
    """
    own = bank.own(weights, basis)
    explained = (bank.patterns @ (weights * target)).square() / own
    best = explained.topk(min(most, len(explained)))
    return Hits(best.indices[:, None], best.values)


def thirds(
    target: Tensor, bank: Bank, weights: Tensor, basis: Tensor, spans: Tensor, most: int
) -> Hits:
    r"""One more pattern beside each of H others and a basis.

    .. math:: R^2_{hi} = (t\cdot e_h)^2 + \frac{(w f_i\cdot(t - (t\cdot e_h)\,e_h))^2}
              {\lVert w f_i\rVert^2 - \sum_k (q_k\cdot w f_i)^2 - (e_h\cdot w f_i)^2}

    Arguments:
        target: :math:`t`, of length 1 and orthogonal to the basis, `(N,)`.
        bank: Patterns :math:`f`.
        weights: Roots :math:`w` of the rows' weights, `(N,)`.
        basis: Orthonormal :math:`q`, `(B, N)`.
        spans: The others :math:`e`, of length 1 and orthogonal to the basis, `(H, N)`.
        most: Largest number of matches.
    Returns:
        Places (of the other, of the pattern).
    """
    patterns, type_ = bank.rough, bank.rough.dtype
    known = spans @ target  # (H,)
    left = target - known[:, None] * spans  # (H, N)
    own = bank.own(weights, basis).to(type_)
    gained = ((weights * left).to(type_) @ patterns.T).square_()  # (H, K)
    free = own - ((weights * spans).to(type_) @ patterns.T).square_()
    hidden = free <= _PARALLEL[type_] * own
    gained.div_(free).masked_fill_(hidden, 0)
    explained = gained + known.square().to(type_)[:, None]
    best = explained.flatten().topk(min(most, explained.numel()))
    count = len(patterns)
    return Hits(torch.stack([best.indices // count, best.indices % count], 1), best.values)


def sum_pairs(target: Tensor, units: Tensor, most: int, clock: Clock) -> Hits:
    r"""Pairs of patterns whose best linear combination matches a target best.

    .. math:: R^2_{ij} = \frac{c_i^2 + c_j^2 - 2 c_i c_j G_{ij}}{1 - G_{ij}^2},
              \quad c = F t,\ G = F F^T

    Arguments:
        target: :math:`t`, of length 1, `(N,)`.
        units: Patterns of length 1, the rows of F, `(K, N)`; float32 or float64.
        most: Largest number of matches.
        clock: Pairs are left out when this has expired.
    """
    scores = units @ target.to(units)
    smallest = _PARALLEL[units.dtype]
    best = _Best(most, units)
    for start in range(0, len(units), _CHUNK):
        if clock.expired:
            break
        end = min(start + _CHUNK, len(units))
        cosines = units[start:end] @ units[start:].T  # (C, K')
        own, other = scores[start:end, None], scores[None, start:]
        free = 1 - cosines.square()
        explained = cosines.mul_(-2 * own).add_(other).mul_(other).add_(own.square())
        explained.div_(free.clamp(min=smallest)).masked_fill_(free < smallest, 0)
        best.add(explained, start)
    return best.hits()


def product_pairs(
    target: Tensor, patterns: Tensor, weights: Tensor, basis: Tensor, most: int, clock: Clock
) -> Hits:
    r"""Pairs of patterns whose product matches a target best, beside a basis.

    .. math:: R^2_{ij} = \frac{(\sum_n t_n w_n f_{in} f_{jn})^2}
              {\sum_n w_n^2 f_{in}^2 f_{jn}^2 - \sum_k (\sum_n q_{kn} w_n f_{in} f_{jn})^2}

    Arguments:
        target: :math:`t`, of length 1 and orthogonal to the basis, `(N,)`.
        patterns: :math:`f`, neither projected nor weighted, of about size 1, `(K, N)`.
        weights: Roots :math:`w` of the rows' weights, `(N,)`.
        basis: Orthonormal :math:`q`, `(B, N)`.
        most: Largest number of matches.
        clock: Pairs are left out when this has expired.
    """
    target, basis, weights = (tensor.to(patterns) for tensor in (target, basis, weights))
    squares, weighted = patterns.square(), (patterns * weights).square()
    best = _Best(most, patterns)
    for start in range(0, len(patterns), _CHUNK):
        if clock.expired:
            break
        own, others = patterns[start : start + _CHUNK], patterns[start:].T
        explained = ((own * (target * weights)) @ others).square_()  # (C, K')
        whole = weighted[start : start + _CHUNK] @ squares[start:].T
        free = whole.clone()
        for direction in basis:
            part = (own * (direction * weights)) @ others
            free.addcmul_(part, part, value=-1)
        hidden = free <= _PARALLEL[patterns.dtype] * whole
        best.add(explained.div_(free).masked_fill_(hidden, 0), start)
    return best.hits()


class _Best:
    """The best of many scores, seen a block at a time.

    Arguments:
        most: How many are kept.
        like: Of the type of the scores.
    """

    def __init__(self, most: int, like: Tensor) -> None:
        self._most, self._bar = most, 0.0
        self._scores = like.new_empty(0)
        self._places = torch.empty(0, 2, dtype=torch.long)

    def add(self, scores: Tensor, start: int) -> None:
        """Take in scores `(C, K')` of pairs of the patterns from `start` on; pairs count once."""
        tops = scores.amax(1)
        rows = (tops > self._bar).nonzero()[:, 0]
        if len(rows) == 0:
            return
        chosen, bar = scores[rows], self._bar
        if len(rows) > self._most:
            bar = max(bar, float(tops[rows].topk(self._most).values[-1]))
        found = (chosen >= bar).nonzero()
        i, j = rows[found[:, 0]], found[:, 1]
        once = j >= i
        self._scores = torch.cat([self._scores, chosen[found[:, 0], j][once]])
        self._places = torch.cat([self._places, torch.stack([i, j], 1)[once] + start])
        if len(self._scores) > self._most:
            best = self._scores.topk(self._most)
            self._scores, self._places = best.values, self._places[best.indices]
            self._bar = float(best.values[-1])

    def hits(self) -> Hits:
        """What was kept, best first."""
        order = self._scores.argsort(descending=True)
        return Hits(self._places[order], self._scores[order])
