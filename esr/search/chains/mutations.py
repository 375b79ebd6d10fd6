"""Small random changes of programs."""

import torch
from torch import Tensor

from esr.search.chains.alphabet import Alphabet
from esr.search.chains.draws import Draws
from esr.search.chains.edges import EdgePotentials
from esr.search.chains.heap import Heap, Programs

__all__ = ["Mutations"]

_SCALED, _NUMBERS = 0.1, 0.5
"""Share of drawn symbols that have a gain of their own, and of drawn numbers that are not 1."""


class Mutations:
    """Ways to change programs without looking at the data.

    Arguments:
        alphabet: The symbols.
        heap: The slots.
        potentials: Where new subtrees come from.
        draws: Where draws come from.
    """

    def __init__(
        self, alphabet: Alphabet, heap: Heap, potentials: EdgePotentials, draws: Draws
    ) -> None:
        self._alphabet, self._heap = alphabet, heap
        self._potentials, self._draws = potentials, draws

    def fresh(self, count: int) -> Programs:
        """Programs drawn from the potentials."""
        return self._with_gains(self._potentials.draw(count, self._draws))

    def redrawn(self, programs: Programs) -> tuple[Programs, Tensor]:
        """Programs with one subtree drawn anew, and the logarithm of Hastings' factor.

        Where the potentials are the distribution that the energy weighs, the factor of the
        subtrees' probabilities cancels; what is left is the choice of the slot.
        """
        slots = self._draws.marked(programs.symbols > 0)
        symbols = self._potentials.redraw(programs.symbols, slots, self._draws)
        changed = self._with_gains(symbols)
        inside = self._heap.inside[slots]
        gains = torch.where(inside, changed.gains, programs.gains)
        before, after = (programs.symbols > 0).sum(1), (symbols > 0).sum(1)
        return Programs(symbols, gains), (before / after).log()

    def replaced(self, programs: Programs) -> Programs:
        """Programs with one symbol replaced by another with as many arguments, all alike."""
        slots = self._draws.marked(programs.symbols > 0)[:, None]
        present = programs.symbols.gather(1, slots)
        arities = self._alphabet.arities
        symbol = torch.arange(len(arities), device=slots.device)
        fitting = (arities[present] == arities) & (symbol != present)
        other = self._draws.marked(fitting)[:, None]
        other = torch.where(fitting.any(1, keepdim=True), other, present)
        return Programs(programs.symbols.scatter(1, slots, other), programs.gains)

    def freed(self, programs: Programs) -> Programs:
        """Programs with one gain of 1 set free."""
        slots = self._draws.marked((programs.symbols > 0) & (programs.gains == 1))[:, None]
        sign = torch.where(self._draws.uniform(len(programs), 1) < 0.2, -1.0, 1.0)
        drawn = (0.5 * self._draws.normal(len(programs), 1)).exp() * sign
        present = programs.gains.gather(1, slots)
        return Programs(
            programs.symbols, programs.gains.scatter(1, slots, present * drawn.to(present))
        )

    def settled(self, programs: Programs) -> Programs:
        """Programs with one free gain taken to a whole number near it, or to 1 or -1."""
        slots = self._draws.marked((programs.symbols > 0) & (programs.gains != 1))[:, None]
        gains = programs.gains.gather(1, slots)
        number = programs.symbols.gather(1, slots) == self._alphabet.number
        whole = torch.where(number, gains.round(), 0.0)
        unit = torch.where(self._draws.uniform(len(gains), 1) < 0.8, gains.sign(), 1.0)
        settled = torch.where(whole == 0, unit.to(gains), whole)
        return Programs(programs.symbols, programs.gains.scatter(1, slots, settled))

    def crossed(self, programs: Programs, others: Programs) -> Programs:
        """Programs with one subtree replaced by one of another program's, where it fits."""
        slots = self._draws.marked(programs.symbols > 0)
        reach, room = self._heap.reaches(others.symbols), self._heap.room[slots]
        taken = self._draws.marked((reach > 0) & (reach <= room[:, None]))
        return self._heap.graft(programs, slots, self._heap.cut(others, taken))

    def lifted(self, programs: Programs) -> Programs:
        """Programs with one subtree replaced by one from within itself."""
        inner = self._draws.marked(self._inner(programs.symbols))
        within = (programs.symbols > 0) & self._heap.inside[inner]
        taken = self._draws.marked(within)
        return self._heap.graft(programs, inner, self._heap.cut(programs, taken))

    def _inner(self, symbols: Tensor) -> Tensor:
        """Slots that hold functions; the root if none does."""
        inner = symbols >= self._alphabet.first_function
        inner[:, 0] |= ~inner.any(1)
        return inner

    def _with_gains(self, symbols: Tensor) -> Programs:
        """Drawn symbols with gains: of numbers, and of a few others."""
        draws, shape = self._draws, symbols.shape
        number = symbols == self._alphabet.number
        share = torch.where(number, _NUMBERS, _SCALED)
        free = (symbols > 0) & (draws.uniform(*shape) < share)
        sign = torch.where(draws.uniform(*shape) < 0.3, -1.0, 1.0)
        return Programs(symbols, torch.where(free, draws.normal(*shape).exp() * sign, 1.0))
