"""The programs of a memory as patterns for retrieval, and as subtrees to graft in."""

import torch
from torch import Tensor

from esr.search.chains.alphabet import Alphabet
from esr.search.chains.heap import Heap, Programs
from esr.search.memory import Memory

__all__ = ["Patterns"]


class Patterns:
    """K behaviours of unit mean square with what it takes to use them.

    Arguments:
        memory: The memory; `refresh` takes over what it has learned since.
        alphabet: The symbols.
        heap: The slots that patterns are grafted into.
    """

    def __init__(self, memory: Memory, alphabet: Alphabet, heap: Heap) -> None:
        self._memory, self._alphabet, self._heap = memory, alphabet, heap
        self._symbols = torch.zeros(0, heap.slots, dtype=torch.int16)
        self._gains = torch.ones(0, heap.slots, dtype=torch.float64)
        self._fits = torch.zeros(0, dtype=torch.int8)  # -1 where it is not known yet
        self.refresh()

    def refresh(self) -> None:
        """Take over what the memory holds."""
        values = self._memory.values
        self.norms = values.square().mean(1).sqrt().clamp(min=1e-150)
        """Root mean square of each behaviour, `(K,)`."""
        self.units = values / self.norms[:, None]
        """The behaviours divided by them, `(K, N)`."""
        self.sizes = self._memory.sizes.to(values.device)
        """Nodes of each, `(K,)`."""
        self.heights = self._memory.heights.to(values.device)
        """Levels of each, `(K,)`."""
        new, slots = len(values) - len(self._fits), self._heap.slots
        self._symbols = torch.cat([self._symbols, self._symbols.new_zeros(new, slots)])
        self._gains = torch.cat([self._gains, self._gains.new_ones(new, slots)])
        self._fits = torch.cat([self._fits, self._fits.new_full((new,), -1)])

    def __len__(self) -> int:
        return len(self.units)

    def programs(self, items: Tensor) -> tuple[Programs, Tensor]:
        """Patterns as trees at the root, and which of them can be written so.

        Arguments:
            items: Their places, `(B,)`.
        """
        items, device = items.to(self._fits.device), items.device
        self._place(items[self._fits[items] < 0].tolist())
        found = Programs(self._symbols[items].long().to(device), self._gains[items].to(device))
        return found, (self._fits[items] > 0).to(device)

    def _place(self, items: list[int]) -> None:
        """Write down the symbols and gains of patterns that fit the heap and the alphabet."""
        if not items:
            return
        rows, slots, symbols, gains = list[int](), list[int](), list[int](), list[float]()
        for item in items:  # expressions are made one by one
            placed = self._alphabet.placed(self._memory.expression(item), self._heap.depth)
            for slot, (symbol, gain) in (placed or {}).items():
                rows.append(item)
                slots.append(slot)
                symbols.append(symbol)
                gains.append(gain)
        self._symbols[rows, slots] = torch.tensor(symbols, dtype=torch.int16)
        self._gains[rows, slots] = torch.tensor(gains, dtype=torch.float64)
        self._fits[items] = (self._symbols[items, 0] > 0).to(torch.int8)
