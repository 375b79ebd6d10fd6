"""Cutting a batch of sequences sorted by length into spans, so that little is padding."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.reader.attention import Span

__all__ = ["cut_spans", "laid_out"]

COST = 64
"""What a further span costs, in tokens."""


def cut_spans(lengths: Sequence[int], cost: int = COST) -> list[Span]:
    r"""The cheapest cut: least :math:`\sum (\text{rows} \cdot \text{length} + \text{cost})`.

    Found by dynamic programming over the places where the length changes.

    Arguments:
        lengths: Of the sequences, ascending, at least one.
        cost: Price of a span in tokens.
    """
    ends = [k + 1 for k in range(len(lengths)) if lengths[k : k + 2] != [lengths[k]] * 2]
    best: list[tuple[int, int]] = [(0, 0)]  # price of the first spans, where the last begins
    starts = [0, *ends]
    for end in ends:
        longest = lengths[end - 1]
        best.append(
            min(
                (price + (end - start) * longest + cost, place)
                for place, ((price, _), start) in enumerate(zip(best, starts, strict=False))
            )
        )
    spans, place = [], len(ends)
    while place > 0:
        before = best[place][1]
        spans.append(Span(starts[place] - starts[before], lengths[starts[place] - 1]))
        place = before
    return spans[::-1]


def laid_out(tokens: Tensor, spans: Sequence[Span]) -> Tensor:
    """The tokens `(B, T)` of spans side by side, `(N,)`."""
    parts, row = [], 0
    for rows, length in spans:
        parts.append(tokens[row : row + rows, :length].flatten())
        row += rows
    return torch.cat(parts)
