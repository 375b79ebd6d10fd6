"""Programs on a heap of slots, many at once: cutting subtrees out and grafting them in."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Heap", "Programs"]


@dataclass(frozen=True)
class Programs:
    """Trees on a heap, in which slot i has its arguments at 2i + 1 and 2i + 2.

    Arguments:
        symbols: Of an `Alphabet`, 0 for an empty slot, long, `(B, M)`.
        gains: What each slot's value is multiplied by, not 0, `(B, M)`; 1 where it is empty.
    """

    symbols: Tensor
    gains: Tensor

    def __len__(self) -> int:
        return len(self.symbols)

    def at(self, rows: Tensor) -> "Programs":
        """The programs of some rows, by index or by a mask."""
        return Programs(self.symbols[rows], self.gains[rows])

    def replaced(self, mask: Tensor, others: "Programs") -> "Programs":
        """Programs with others in the place of those that the mask `(B,)` marks."""
        where = mask[:, None]
        return Programs(
            torch.where(where, others.symbols, self.symbols),
            torch.where(where, others.gains, self.gains),
        )

    def put_(self, rows: Tensor, others: "Programs") -> None:
        """Replace some rows."""
        self.symbols[rows] = others.symbols
        self.gains[rows] = others.gains

    @staticmethod
    def joined(parts: "list[Programs]") -> "Programs":
        """One batch after another."""
        return Programs(
            torch.cat([part.symbols for part in parts]), torch.cat([part.gains for part in parts])
        )


class Heap:
    """M = 2^depth - 1 slots, and which slots lie below which.

    Arguments:
        depth: The number of levels, at least 1.
        device: Of all tensors.
    """

    def __init__(self, depth: int, device: torch.device | str | None = None) -> None:
        self.depth, self.slots = depth, 2**depth - 1
        slot = torch.arange(self.slots, device=device)
        self.level = (slot + 1).double().log2().floor().long()
        """The level of each slot, 0 at the root, `(M,)`."""
        self.room = depth - self.level
        """Levels that a subtree at each slot may take, `(M,)`."""
        first = 2**self.level - 1
        below = (slot[:, None] + 1) * 2 ** self.level[None] - 1 + (slot - first)[None]
        self.below = below.clamp(max=self.slots)
        """Where slot j of a tree comes when its root is put at slot i; M if nowhere, `(M, M)`."""
        inside = torch.zeros(self.slots, self.slots + 1, dtype=torch.bool, device=device)
        self.inside = inside.scatter_(1, self.below, True)[:, : self.slots]
        """Whether slot j is slot i or lies below it, `(M, M)`."""

    def heights(self, symbols: Tensor) -> Tensor:
        """Levels that trees `(B, M)` take, `(B,)`; 0 for no tree."""
        return ((symbols > 0) * (self.level[: symbols.shape[1]] + 1)).amax(1)

    def cut(self, programs: Programs, slots: Tensor) -> Programs:
        """The subtrees at one slot `(B,)` of each program, moved to the root."""
        places = self.below[slots]
        symbols = torch.nn.functional.pad(programs.symbols, (0, 1))
        gains = torch.nn.functional.pad(programs.gains, (0, 1), value=1.0)
        return Programs(symbols.gather(1, places), gains.gather(1, places))

    def graft(self, programs: Programs, slots: Tensor, parts: Programs) -> Programs:
        """Programs with the subtree at one slot `(B,)` of each replaced.

        Arguments:
            programs: B trees; left as they are.
            slots: Where.
            parts: B trees, of M slots or fewer; what does not fit below the slot is lost.
        """
        inside, count = self.inside[slots], parts.symbols.shape[1]
        places = self.below[slots][:, :count]
        symbols = torch.nn.functional.pad(programs.symbols.masked_fill(inside, 0), (0, 1))
        gains = torch.nn.functional.pad(programs.gains.masked_fill(inside, 1), (0, 1), value=1.0)
        symbols = symbols.scatter(1, places, parts.symbols)
        gains = gains.scatter(1, places, parts.gains)
        return Programs(symbols[:, : self.slots].contiguous(), gains[:, : self.slots].contiguous())

    def reaches(self, symbols: Tensor) -> Tensor:
        """Levels of the subtree at each slot of trees `(B, M)`, 0 where it is empty."""
        reach = (symbols > 0).to(torch.int16)
        for level in reversed(range(1, self.depth)):
            first, last = 2**level - 1, 2 ** (level + 1) - 1
            above = reach[:, (first - 1) // 2 : first]
            above += reach[:, first:last].reshape(len(reach), -1, 2).amax(2)
        return reach.long()

    def above(self, mask: Tensor) -> Tensor:
        """Which slots are marked in `(B, M)` or have a marked one below them."""
        mask = mask.clone()
        for level in reversed(range(1, self.depth)):
            first, last = 2**level - 1, 2 ** (level + 1) - 1
            mask[:, (first - 1) // 2 : first] |= (
                mask[:, first:last].reshape(len(mask), -1, 2).any(2)
            )
        return mask
