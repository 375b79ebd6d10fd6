"""Which two patterns make the best sum with free factors and a free shift: all pairs at once."""

import math

import torch
from torch import Tensor

from esr.loss_bias import SlotTargets
from esr.search.chains.patterns import Patterns

__all__ = ["sum_pairs"]

_COLLINEAR = 1e-4
"""Pairs whose squared correlation is nearer to 1 are one pattern."""


def sum_pairs(
    aim: SlotTargets, patterns: Patterns, window: Tensor, node: float, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    r"""The best sums :math:`a f + b g + c` of two patterns for one slot.

    With all columns centred and of length 1 in the slot's weights, :math:`c_f` the correlation
    of f with the target and G that of f with g, the pair explains

    .. math:: R^2 = \frac{c_f^2 + c_g^2 - 2 c_f c_g G_{fg}}{1 - G_{fg}^2}

    Arguments:
        aim: Of one slot, shapes `(1, N)` and `(1,)`.
        patterns: The memory.
        window: The patterns that are looked at, `(K,)`.
        node: Energy of a node.
        count: How many pairs.
    Returns:
        Both patterns of each pair, `(C,)`, and a, b and c, `(C, 3)`.
    """
    w, wt = aim.weights[0], aim.weighted[0]
    total = w.sum()
    root = w.sqrt()
    units = patterns.units[window]
    columns = (units - (units @ w / total)[:, None]) * root
    lengths = columns.norm(dim=1)
    columns = columns / lengths.clamp(min=1e-6)[:, None]
    target = (wt / root.clamp(min=1e-30) - wt.sum() / total * root).nan_to_num(0.0, 0.0, 0.0)
    rest = target.square().sum()
    along = columns @ target / rest.sqrt()
    gram = columns @ columns.T
    spread = 1 - gram.square()
    left = (
        1 - (along.square()[:, None] + along.square() - 2 * gram * along[:, None] * along) / spread
    )
    sizes = (2 * node * patterns.sizes[window]).to(left).exp()
    keys = left.clamp(min=1e-6) * sizes[:, None] * sizes
    useless = (spread < _COLLINEAR) | (lengths < 1e-4) | (lengths < 1e-4)[:, None]
    keys = keys.masked_fill(useless.triu_() | useless, math.inf)
    keys = keys.masked_fill(torch.ones_like(useless).triu_(), math.inf)
    best, places = keys.flatten().topk(min(count, keys.numel()), largest=False)
    places = places[best.isfinite()]
    first, second = window[places // len(window)], window[places % len(window)]
    return first, second, _factors(w, wt, patterns, first, second)


def _factors(w: Tensor, wt: Tensor, patterns: Patterns, first: Tensor, second: Tensor) -> Tensor:
    """The factors and shift of least squares, `(C, 3)`."""
    columns = torch.stack(
        [patterns.units[first], patterns.units[second], torch.ones_like(patterns.units[first])], 1
    ).double()
    normal = (columns * w.double()) @ columns.mT
    ridge = 1e-12 * torch.diag_embed(normal.diagonal(dim1=1, dim2=2))
    found = torch.linalg.solve_ex(normal + ridge, columns @ wt.double())[0]
    found = found.nan_to_num(1.0, 1.0, 1.0)
    norms = torch.stack([patterns.norms[first], patterns.norms[second]], 1)
    found[:, :2] /= norms
    return torch.where(found == 0, 1.0, found).to(w)
