"""Trees made of trees: sums and products of two, and what is one of them plus a number."""

import torch
from torch import Tensor

from esr.search.chains.alphabet import Alphabet
from esr.search.chains.heap import Heap, Programs

__all__ = ["Building"]


class Building:
    """Makes trees of trees; what does not fit the heap is lost.

    Arguments:
        alphabet: The symbols.
        heap: The slots.
    """

    def __init__(self, alphabet: Alphabet, heap: Heap) -> None:
        self._alphabet, self._heap = alphabet, heap
        self._add, self._mul = alphabet.symbol("add"), alphabet.symbol("mul")

    def sums(self, first: Programs, second: Programs) -> Programs:
        """Sums of two trees each."""
        return self._joined(self._add, first, second)

    def products(self, first: Programs, second: Programs) -> Programs:
        """Products of two trees each."""
        return self._joined(self._mul, first, second)

    def shifted(self, programs: Programs, shifts: Tensor) -> Programs:
        """Trees plus a number `(B,)` where it is not 0."""
        number = Programs(torch.zeros_like(programs.symbols), torch.ones_like(programs.gains))
        number.symbols[:, 0] = self._alphabet.number
        number.gains[:, 0] = torch.where(shifts == 0, 1.0, shifts)
        return programs.replaced(shifts != 0, self.sums(programs, number))

    def _joined(self, function: int, first: Programs, second: Programs) -> Programs:
        root = Programs(torch.zeros_like(first.symbols), torch.ones_like(first.gains))
        root.symbols[:, 0] = function
        left = torch.ones_like(root.symbols[:, 0])
        return self._heap.graft(self._heap.graft(root, left, first), left + 1, second)
