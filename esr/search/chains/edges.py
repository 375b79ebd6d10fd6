"""Potentials of the edges of the heap: exact draws of trees, and what elites teach them."""

import torch
from torch import Tensor

from esr.search.chains.alphabet import Alphabet
from esr.search.chains.draws import Draws
from esr.search.chains.heap import Heap

__all__ = ["EdgePotentials"]

_LEAVES = 0.1, 0.9
"""Share of leaves at the root, and at the last level but one; in between it grows evenly."""
_TIED = 0.5
"""How much all levels share what is learned at one."""
_FIRM = 0.3
"""Share of the first potentials in what is learned, so that no symbol dies out."""


class EdgePotentials:
    r"""A distribution of trees that is a product over edges.

    .. math:: P(v) = p(v_0) \prod_{i > 0} C_i(v_{p(i)}, v_i)

    with one table C for each level and side, rows adding up to 1. As energies :math:`-\ln C`
    couple neighbouring slots only, and arity is in them, an ancestral draw is an exact draw of a
    valid tree.

    Arguments:
        alphabet: The symbols.
        heap: The slots.
    """

    def __init__(self, alphabet: Alphabet, heap: Heap) -> None:
        self._alphabet, self._heap = alphabet, heap
        self._first = self._prior()
        self._tables = self._first.clone()

    @property
    def tables(self) -> Tensor:
        """C of each level and side, from symbols above to symbols below, `(L, 2, S, S)`."""
        return self._tables

    def _prior(self) -> Tensor:
        alphabet, heap = self._alphabet, self._heap
        weights, arities = alphabet.weights(), alphabet.arities
        leaves, functions = weights * (arities == 0), weights * (arities > 0)
        leaves, functions = leaves / leaves.sum(), functions / functions.sum()
        low, high = _LEAVES
        tables = weights.new_zeros(heap.depth, 2, alphabet.size, alphabet.size)
        for level in range(heap.depth):
            share = low + (high - low) * level / max(heap.depth - 2, 1)
            share = 1.0 if level == heap.depth - 1 else share
            filled = share * leaves + (1 - share) * functions
            tables[level, 0, arities >= 1] = filled
            tables[level, 1, arities == 2] = filled
            tables[level, 0, arities < 1, 0] = 1
            tables[level, 1, arities < 2, 0] = 1
        share = 1.0 if heap.depth == 1 else low
        tables[0] = 0
        tables[0, 0, 0] = share * leaves + (1 - share) * functions
        return tables

    def draw(self, count: int, draws: Draws) -> Tensor:
        """Trees, `(count, M)`."""
        symbols = self._tables.new_zeros(count, self._heap.slots, dtype=torch.long)
        start = torch.zeros(count, dtype=torch.long, device=symbols.device)
        return self.redraw(symbols, start, draws)

    def redraw(self, symbols: Tensor, slots: Tensor, draws: Draws) -> Tensor:
        """Trees with the subtree at one slot drawn anew, given the symbol above it.

        Arguments:
            symbols: Shape `(B, M)`; left as they are.
            slots: Shape `(B,)`; each is the root or holds a symbol.
            draws: Where draws come from.
        """
        symbols = symbols.masked_fill(self._heap.inside[slots], 0)
        rows = torch.arange(len(symbols), device=symbols.device)
        while len(rows):
            above = symbols[rows, (slots - 1).clamp(min=0) // 2].masked_fill(slots == 0, 0)
            drawn = draws.of_weights(
                self._tables[self._heap.level[slots], (slots + 1) % 2 * (slots > 0), above]
            )
            symbols[rows, slots] = drawn
            arities = self._alphabet.arities[drawn]
            one, two = arities >= 1, arities == 2
            slots = torch.cat([2 * slots[one] + 1, 2 * slots[two] + 2])
            rows = torch.cat([rows[one], rows[two]])
        return symbols

    def log_probability(self, symbols: Tensor) -> Tensor:
        """:math:`\\ln P` of valid trees `(B, M)`, `(B,)`."""
        return self._edges(symbols).sum(1)

    def subtree_log_probability(self, symbols: Tensor, slots: Tensor) -> Tensor:
        """The part of the subtree at one slot `(B,)`, given the symbol above it, `(B,)`."""
        return torch.where(self._heap.inside[slots], self._edges(symbols), 0).sum(1)

    def _edges(self, symbols: Tensor) -> Tensor:
        """The logarithm of each slot's factor, `(B, M)`."""
        level, side, above = self._neighbourhood(symbols)
        return self._tables[level, side, above, symbols].log()

    def learn_(self, elites: Tensor, rate: float) -> None:
        r"""Move the potentials towards the elites: :math:`C \leftarrow (1-\eta) C + \eta \langle
        v_p v_c^\top \rangle`, rows taken relative to how often the symbol above occurs.

        At rate 1, without tying and firmness, it is the maximum likelihood of the tree model.
        Rows of symbols that no elite has stay as they are.

        Arguments:
            elites: Valid trees, `(B, M)`.
            rate: :math:`\eta`, from 0 to 1.
        """
        counts = self.correlations(elites)
        here, everywhere = _rows(counts), _rows(self._everywhere(counts))
        known = counts.sum(-1, keepdim=True) > 0
        told = torch.where(known, (1 - _TIED) * here + _TIED * everywhere, everywhere)
        told = (1 - _FIRM) * told + _FIRM * self._first
        told = torch.where(told.sum(-1, keepdim=True) > 0.5, told, self._tables)
        told = torch.where(
            (everywhere.sum(-1, keepdim=True) > 0) | known, _rows(told), self._tables
        )
        self._tables = self._tables + rate * (told - self._tables)

    def correlations(self, elites: Tensor) -> Tensor:
        r"""Counts :math:`\sum v_p v_c^\top` on the edges of each level and side, as C."""
        level, side, above = self._neighbourhood(elites)
        read = (elites > 0) | (above > 0)
        size = self._alphabet.size
        places = ((level * 2 + side) * size + above) * size + elites
        counts = self._tables.new_zeros(self._tables.numel())
        return counts.index_add_(
            0, places[read], counts.new_ones(1).expand(int(read.sum()))
        ).view_as(self._tables)

    def _everywhere(self, counts: Tensor) -> Tensor:
        """Counts of all levels together where the first potentials allow the pair."""
        total = counts[1:].sum(0, keepdim=True).expand_as(counts) * (self._first > 0)
        return torch.cat([counts[:1], total[1:]])

    def _neighbourhood(self, symbols: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Level, side and symbol above of every slot, each `(B, M)`."""
        slot = torch.arange(self._heap.slots, device=symbols.device)
        above = symbols[:, (slot - 1).clamp(min=0) // 2]
        above = above.masked_fill(slot == 0, 0)
        side = torch.where(slot > 0, (slot + 1) % 2, 0)
        return self._heap.level.expand_as(symbols), side.expand_as(symbols), above


def _rows(counts: Tensor) -> Tensor:
    """Rows divided by their sums; 0 where there is nothing."""
    return counts / counts.sum(-1, keepdim=True).clamp(min=1e-300)
