"""The best of many scores of pairs, seen a block at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Best", "Hits"]


@dataclass(frozen=True)
class Hits:
    """The best matches, best first.

    Arguments:
        places: Of the patterns of each match among those that were scored, `(H, P)`.
        explained: Share of the target's square that each explains, `(H,)`.
    """

    places: Tensor
    explained: Tensor


class Best:
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
