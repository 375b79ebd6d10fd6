"""Where the numbers of each skeleton stand in its tokens, as tables."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.languages.number import Number
from baselines.languages.skeleton import Piece
from baselines.languages.vocabulary import Vocabulary

__all__ = ["Layout"]


class Layout:
    """Tables of K skeletons with at most S numbers and T tokens each.

    Arguments:
        pieces: Symbols and numbers of each skeleton.
        kinds: The different numbers that occur.
        vocabulary: The tokens.
    """

    def __init__(
        self, pieces: Sequence[Sequence[Piece]], kinds: Sequence[Number], vocabulary: Vocabulary
    ) -> None:
        count, point = len(pieces), vocabulary.index(".")
        lengths = [sum(1 if isinstance(p, str) else p.width for p in piece) for piece in pieces]
        slots = max(sum(isinstance(p, Number) for p in piece) for piece in pieces)
        self.template = torch.full((count, max(lengths) + 1), Vocabulary.PAD)
        """The tokens without signs and digits, with end and padding, int64 `(K, T)`."""
        self.scale = torch.ones(count, slots, dtype=torch.float64)
        """Steps of one unit of each number, `(K, S)`."""
        self._starts = torch.full((count, slots), -1)
        self._kinds = torch.full((count, slots), -1)
        self._numbers = list(dict.fromkeys(kinds))
        for row, piece in enumerate(pieces):
            place = slot = 0
            for part in piece:
                if isinstance(part, str):
                    self.template[row, place] = vocabulary.index(part)
                    place += 1
                    continue
                self._starts[row, slot] = place
                self._kinds[row, slot] = self._numbers.index(part)
                self.scale[row, slot] = part.scale
                place += part.width
                self.template[row, place - 1 - part.decimals] = point
                slot += 1
            self.template[row, place] = Vocabulary.END

    def kinds(self, skeletons: Tensor) -> list[tuple[Number, Tensor]]:
        """Each kind of number, and which numbers of equations are of it, bool `(M, S)`.

        Arguments:
            skeletons: `(M,)`; one of -1 has no numbers.
        """
        own = self._kinds.to(skeletons.device)[skeletons.clamp_min(0)]
        own = torch.where((skeletons >= 0)[:, None], own, -1)
        return [(number, own == kind) for kind, number in enumerate(self._numbers)]

    def places(self, skeletons: Tensor) -> list[tuple[Number, Tensor, Tensor, Tensor]]:
        """For each kind of number all its n places: rows, slots and first tokens, each `(n,)`."""
        found = []
        for number, here in self.kinds(skeletons):
            rows, slots = here.nonzero(as_tuple=True)
            starts = self._starts.to(skeletons.device)[skeletons[rows], slots]
            found.append((number, rows, slots, starts))
        return found
