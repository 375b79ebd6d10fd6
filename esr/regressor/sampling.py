"""Which rows a search sees: equal rows merged, a sample of many, some of them held out."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.search import Rows

__all__ = ["Sample", "distinct_rows", "draw_sample"]

_MULTIPLIER, _SHIFT = -7046029254386353131, 29
"""An odd number with bits all over (2**64 divided by the golden ratio, as a signed integer)."""


@dataclass(frozen=True)
class Sample:
    """Indices of rows.

    Arguments:
        training: Rows that constants are fitted to, `(N,)`.
        validation: Rows that equations are judged by, `(N',)`.
    """

    training: Tensor
    validation: Tensor


def distinct_rows(rows: Rows) -> Rows:
    """Rows with those of weight 0 left out, equal ones merged and their weights added up.

    They come in an order that depends on the values alone. A weight of 2 is therefore the same
    as a row given twice, wherever rows stand, and no row is both fitted and held out.

    Arguments:
        rows: At least one of positive weight.
    Returns:
        Rows whose weights have mean 1.
    """
    used = (rows.weights > 0).nonzero()[:, 0]
    inputs, target, weights = rows.inputs[used], rows.target[used], rows.weights[used]
    prints, order = _fingerprints(inputs, target).sort(stable=True)
    is_first = torch.ones_like(prints, dtype=torch.bool)
    near = (prints[1:] == prints[:-1]).nonzero()[:, 0]
    before, after = order[near], order[near + 1]
    same = (inputs[before] == inputs[after]).all(1) & (target[before] == target[after])
    is_first[near[same] + 1] = False
    group = is_first.cumsum(0) - 1
    total = weights.new_zeros(int(group[-1]) + 1).index_add_(0, group, weights[order])
    kept = order[is_first]
    return Rows(inputs[kept], target[kept], total / total.mean(), rows.variables)


def draw_sample(
    target: Tensor, most: int, fraction: float, *, generator: Generator | None = None
) -> Sample:
    """Rows to search with.

    Of more rows than `most`, one is drawn from each of `most` equally full ranges of the target.

    Arguments:
        target: Values `(N,)`, at least 2.
        most: Largest number of rows, at least 2.
        fraction: Share that is held out, above 0 and below 1; at least one row is and one is not.
        generator: Feeds the draws, on the CPU.
    """
    count = len(target)
    order = torch.randperm(count, generator=generator).to(target.device)
    if count > most:
        order = order[target[order].argsort(stable=True)]
        edges = torch.arange(most + 1, device=target.device) * count // most
        widths = edges[1:] - edges[:-1]
        places = torch.rand(most, generator=generator).to(target.device) * widths
        order = order[edges[:-1] + places.long().minimum(widths - 1)]
        order = order[torch.randperm(most, generator=generator).to(target.device)]
    held = min(max(1, round(fraction * len(order))), len(order) - 1)
    return Sample(order[held:], order[:held])


def _fingerprints(inputs: Tensor, target: Tensor) -> Tensor:
    """A whole number `(N,)` for each row, the same for equal rows."""
    prints = torch.zeros_like(target, dtype=torch.int64)
    for column in (*inputs.unbind(1), target):
        bits = (column + 0.0).view(torch.int64)  # -0.0 becomes 0.0
        prints = (prints ^ bits) * _MULTIPLIER
        prints ^= prints >> _SHIFT
    return prints
