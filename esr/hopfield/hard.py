"""Hard rules: conjunctions that must not occur, what follows from them, and who breaks them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.errors import DataError
from esr.hopfield.grid import Grid
from esr.hopfield.term import CouplingTerm

__all__ = ["HardRules"]


class HardRules:
    """The hard terms of a network, as masks and as counts of broken instances.

    Arguments:
        grid: The neurons.
        terms: Multilinear terms (`multilinear`); soft ones are ignored.
    """

    def __init__(self, grid: Grid, terms: Sequence[CouplingTerm]) -> None:
        self.grid = grid
        self.terms = [term for term in terms if term.hard and len(term.neurons)]
        self._single = [term for term in self.terms if term.order == 1]
        self._joint = [term for term in self.terms if term.order > 1]

    @property
    def joint(self) -> list[CouplingTerm]:
        """The terms of order two and above: those a mask of symbols cannot express."""
        return self._joint

    def violations(self, symbols: Tensor) -> Tensor:
        """How many instances each state `(R, G)` breaks, `(R,)`."""
        broken = symbols.new_zeros(len(symbols))
        width = self.grid.symbols
        for term in self.terms:
            on = symbols[:, term.neurons // width] == term.neurons % width  # (R, n, m)
            broken = broken + on.all(2).sum(1)
        return broken

    def allowed(self, *, device: torch.device | str | None = None) -> Tensor:
        """Symbols each slot may take, bool `(G, S)`, after all that follows from the rules.

        A symbol goes if a rule forbids it alone, or if with it some other slot, or the last
        open neuron of an instance, would have nothing left (arc consistency for pairs, unit
        propagation above).

        Raises:
            DataError: If some slot has no symbol left: the rules contradict each other.
        """
        where = self.terms[0].neurons.device if self.terms else device
        width, slots = self.grid.symbols, self.grid.slots
        open_ = torch.ones(slots * width, dtype=torch.bool, device=where)
        for term in self._single:
            open_[term.neurons[:, 0]] = False
        left = int(open_.sum())
        while True:
            for term in self._joint:
                self._close(term, open_)
            counts = open_.view(slots, width).sum(1)
            if not bool(counts.all()):
                self._refuse(open_.view(slots, width))
            remaining = int(counts.sum())
            if remaining == left:
                return open_.view(slots, width)
            left = remaining

    def _close(self, term: CouplingTerm, open_: Tensor) -> None:
        """Close, in place, the neurons that one term leaves without support."""
        width, slots = self.grid.symbols, self.grid.slots
        counts = open_.view(slots, width).sum(1)  # (G,)
        if term.order == 2:
            for neurons in (term.neurons, term.neurons.flip(1)):
                kept = neurons[open_[neurons].all(1)]
                keys, inverse = torch.unique(
                    kept[:, 0] * slots + kept[:, 1] // width, return_inverse=True
                )
                pairs = torch.unique(inverse * width + kept[:, 1] % width)
                forbidden = torch.bincount(pairs // width, minlength=len(keys))
                unsupported = forbidden >= counts[keys % slots]
                open_[keys[unsupported] // slots] = False
            return
        sure = open_[term.neurons] & (counts[term.neurons // width] == 1)  # (n, m)
        undecided = open_[term.neurons] & ~sure
        forced = (sure.sum(1) == term.order - 1) & (undecided.sum(1) == 1)
        open_[term.neurons[forced][undecided[forced]]] = False
        open_[term.neurons[sure.all(1)].flatten()] = False

    def _refuse(self, open_: Tensor) -> None:
        slot = int((~open_.any(1)).nonzero()[0])
        names = self.grid.label(slot * self.grid.symbols)
        touching = sorted(
            {
                term.name
                for term in self.terms
                if bool((term.neurons // self.grid.symbols == slot).any())
            }
        )
        raise DataError(
            f"the hard rules contradict each other: nothing is allowed in the group of {names}; "
            f"rules that act on it: {', '.join(touching)}"
        )
