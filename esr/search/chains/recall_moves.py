"""Proposals that look at the data: patterns and pairs of patterns put at a slot."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.loss_bias import SlotTargets
from esr.search.chains.aims import aims
from esr.search.chains.alphabet import Alphabet
from esr.search.chains.draws import Draws
from esr.search.chains.energy import Energy, Fits
from esr.search.chains.heap import Heap, Programs
from esr.search.chains.pairs import sum_pairs
from esr.search.chains.patterns import Patterns
from esr.search.chains.retrieval import Choice, Retrieval, times, without
from esr.search.chains.tape import Tape

__all__ = ["RecallMoves"]

_REPLACE, _PLUS, _TIMES = range(3)


class RecallMoves:
    """Puts patterns in the place of a slot, or adds or multiplies them to what is there.

    Arguments:
        alphabet: The symbols.
        heap: The slots.
        energy: Targets and weights.
        table: What leaves are worth.
        patterns: The memory.
        draws: Where draws come from.
        curvature: Whether retrieval knows the curvature of the loss.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        heap: Heap,
        energy: Energy,
        table: Tensor,
        patterns: Patterns,
        draws: Draws,
        *,
        curvature: bool = True,
    ) -> None:
        self._alphabet, self._heap, self._energy = alphabet, heap, energy
        self._table, self._patterns, self._draws = table, patterns, draws
        self._retrieval = Retrieval(patterns, energy.node, curvature=curvature)
        self.add, self.mul = alphabet.symbol("add"), alphabet.symbol("mul")

    def propose(
        self, programs: Programs, fits: Fits, groups: Tensor, temperatures: Tensor, count: int
    ) -> tuple[Tensor, Programs]:
        """Several changed programs for each.

        Arguments:
            programs: B trees of finite energy.
            fits: Theirs.
            groups: Which target each aims at, `(B,)`.
            temperatures: Shape `(B,)`.
            count: How many for each.
        Returns:
            Which program each comes from, `(C,)`, and the changed programs.
        """
        heap, draws = self._heap, self._draws
        slots, wanted, present = self.looked_at(programs, fits, groups)
        rows = torch.arange(len(programs), device=slots.device)
        kind = draws.integers(3, len(programs))
        plus, mult = (kind == _PLUS)[:, None], (kind == _TIMES)[:, None]
        beside, factor = without(wanted, present), times(wanted, present)
        wanted = SlotTargets(
            torch.where(mult, factor.weights, torch.where(plus, beside.weights, wanted.weights)),
            torch.where(
                mult, factor.weighted, torch.where(plus, beside.weighted, wanted.weighted)
            ),
            torch.where(plus[:, 0], beside.offset, wanted.offset),
        )
        room = heap.room[slots]
        reach = heap.reaches(programs.symbols)[rows, slots]
        joined = (kind != _REPLACE) & (reach < room)
        kind = torch.where(joined, kind, _REPLACE)
        room = (room - joined.long())[:, None] - torch.tensor([0, 0, 1], device=slots.device)
        room = room.clamp(min=0)
        forms = torch.ones(len(programs), 3, dtype=torch.bool, device=slots.device)
        forms[:, 2] &= kind != _PLUS  # a shift of a term is one of the sum
        forms[:, 1:] &= ~((slots == 0) & (kind == _REPLACE))[:, None]  # the frame is open there
        forms[:, :1] |= slots[:, None] == 0
        choice = self._retrieval.draw(wanted, present, forms, room, temperatures, count, draws)
        return self.built(programs, slots, kind, choice)

    def looked_at(
        self, programs: Programs, fits: Fits, groups: Tensor
    ) -> tuple[Tensor, SlotTargets, Tensor]:
        """A slot of each program, what it should be worth and what it is, `(B, N)`."""
        tape = Tape(self._alphabet, self._heap, programs.symbols)
        values = tape.values(programs.gains, self._table)
        slots = self._draws.marked(programs.symbols > 0)
        wanted = aims(tape, values, programs, slots, fits, groups, self._energy)
        rows = torch.arange(len(programs), device=slots.device)
        return slots, wanted, values[tape.row[rows * self._heap.slots + slots]]

    def pairs(
        self, programs: Programs, fits: Fits, groups: Tensor, count: int
    ) -> tuple[Tensor, Programs]:
        """Programs with a sum or a product of two patterns at a slot, several for each.

        Arguments:
            programs: B trees of finite energy.
            fits: Theirs.
            groups: Which target each aims at, `(B,)`.
            count: How many of each kind for each.
        Returns:
            As of `propose`.
        """
        slots, wanted, _ = self.looked_at(programs, fits, groups)
        found = [
            self._pairs(row, int(slots[row]), wanted, programs, count)
            for row in range(len(programs))
            if int(self._heap.room[slots[row]]) > 2
        ]
        if not found:
            return slots[:0], programs.at(slots[:0])
        return torch.cat([rows for rows, _ in found]), Programs.joined([each for _, each in found])

    def _pairs(
        self, row: int, slot: int, wanted: SlotTargets, programs: Programs, count: int
    ) -> tuple[Tensor, Programs]:
        heap, draws, patterns = self._heap, self._draws, self._patterns
        room = int(heap.room[slot])
        device = programs.symbols.device
        here = torch.tensor([row], device=device)
        one = _taken(wanted, here)
        window = draws.order(len(patterns))[:1024]
        window = window[patterns.heights[window] < room - 1]
        first, second, gains = sum_pairs(one, patterns, window, self._energy.node, count)
        left, known = patterns.programs(first)
        right, also = patterns.programs(second)
        left.gains[:, 0] *= gains[:, 0]
        right.gains[:, 0] *= gains[:, 1]
        sums = self._joined(torch.full_like(first, self.add or 0), left, right)
        if slot:
            sums = self._shifted(sums, gains[:, 2])
        sums = sums.at(known & also)
        # products: for some first factors the best second ones, as a retrieval
        firsts = window[: 4 * count]
        many = _taken(wanted, here.expand(len(firsts)))
        factors = times(many, patterns.units[firsts] * patterns.norms[firsts, None])
        forms = torch.zeros(len(firsts), 3, dtype=torch.bool, device=device)
        forms[:, 1] = True
        rooms = torch.full_like(forms, room - 1, dtype=torch.long)
        cold = torch.full((len(firsts),), 1e-3, device=device, dtype=torch.float64)
        choice = self._retrieval.draw(factors, many.weights, forms, rooms, cold, 1, draws)
        left, known = patterns.programs(firsts[choice.rows])
        right, also = patterns.programs(choice.items)
        right.gains[:, 0] *= choice.gains
        products = self._joined(torch.full_like(choice.items, self.mul or 0), left, right)
        both = Programs.joined([sums, products.at(known & also)])
        places = torch.full((len(both),), slot, device=device)
        rows = here.expand(len(both))
        return rows, heap.graft(programs.at(rows), places, both)

    def built(
        self, programs: Programs, slots: Tensor, kinds: Tensor, choice: Choice
    ) -> tuple[Tensor, Programs]:
        """Programs with the chosen patterns in place, and where each comes from."""
        heap = self._heap
        parts, known = self._patterns.programs(choice.items)
        parts.gains[:, 0] *= choice.gains
        parts = self._shifted(parts, choice.shifts)
        rows = choice.rows
        kind, slots, sources = kinds[rows], slots[rows], programs.at(rows)
        joined = kind != _REPLACE
        if bool(joined.any()):
            whole = self._joined(
                torch.where(kind == _PLUS, self.add or 0, self.mul or 0),
                heap.cut(sources, slots),
                parts,
            )
            parts = Programs(
                torch.where(joined[:, None], whole.symbols, parts.symbols),
                torch.where(joined[:, None], whole.gains, parts.gains),
            )
        built = heap.graft(sources, slots, parts)
        return rows[known], built.at(known)

    def _shifted(self, parts: Programs, shifts: Tensor) -> Programs:
        """Trees plus a number where it is not 0."""
        number = Programs(torch.zeros_like(parts.symbols), torch.ones_like(parts.gains))
        number.symbols[:, 0] = self._alphabet.number
        number.gains[:, 0] = torch.where(shifts == 0, 1.0, shifts)
        sums = self._joined(torch.full_like(shifts, self.add or 0).long(), parts, number)
        shifted = (shifts != 0)[:, None]
        return Programs(
            torch.where(shifted, sums.symbols, parts.symbols),
            torch.where(shifted, sums.gains, parts.gains),
        )

    def _joined(self, functions: Tensor, first: Programs, second: Programs) -> Programs:
        """Trees of a function of two trees each."""
        root = Programs(torch.zeros_like(first.symbols), torch.ones_like(first.gains))
        root.symbols[:, 0] = functions
        left = torch.ones_like(functions)
        return self._heap.graft(self._heap.graft(root, left, first), left + 1, second)


def _taken(aims: SlotTargets, rows: Tensor) -> SlotTargets:
    """What is wanted of some rows."""
    return SlotTargets(aims.weights[rows], aims.weighted[rows], aims.offset[rows])
