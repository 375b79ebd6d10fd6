"""Moves that look at the data: patterns, and sums and products of two, put at a slot."""

import torch
from torch import Tensor

from esr.loss_bias import SlotTargets
from esr.search.chains.aims import aims
from esr.search.chains.building import Building
from esr.search.chains.draws import Draws
from esr.search.chains.energy import Fits
from esr.search.chains.heap import Programs
from esr.search.chains.landscape import Landscape
from esr.search.chains.pairs import sum_pairs
from esr.search.chains.patterns import Patterns
from esr.search.chains.retrieval import Choice, Retrieval, taken, times, without

__all__ = ["RecallMoves"]

_REPLACE, _PLUS, _TIMES = range(3)
_FRAMELESS = 0.5
"""Share of the slots for which patterns are looked for without a frame around the program."""
_WINDOW = 1024
"""Patterns among which the best pairs are looked for at a time."""
_LOWEST = 1e-3
"""Temperature at which second factors are drawn."""


class RecallMoves:
    """Puts patterns in the place of a slot, or adds or multiplies them to what is there.

    Arguments:
        landscape: The data.
        patterns: The memory.
        draws: Where draws come from.
        curvature: Whether retrieval knows the curvature of the loss.
    """

    def __init__(
        self, landscape: Landscape, patterns: Patterns, draws: Draws, *, curvature: bool = True
    ) -> None:
        self._landscape, self._patterns, self._draws = landscape, patterns, draws
        self._retrieval = Retrieval(patterns, landscape.energy.node, curvature=curvature)
        self._building = Building(landscape.alphabet, landscape.heap)

    def refresh(self) -> None:
        """Take over what the memory has learned."""
        self._patterns.refresh()
        self._retrieval.refresh()

    def single(
        self, programs: Programs, fits: Fits, groups: Tensor, temperatures: Tensor, count: int
    ) -> tuple[Tensor, Programs]:
        """Programs with one pattern at a slot of each, several for each program.

        Arguments:
            programs: B trees of finite energy.
            fits: Theirs.
            groups: Which target each aims at, `(B,)`.
            temperatures: Shape `(B,)`.
            count: How many for each, at most.
        Returns:
            Which program each comes from, `(C,)`, and the changed programs.
        """
        heap, draws = self._landscape.heap, self._draws
        slots = draws.marked(programs.symbols > 0)
        wanted, present = aims(self._landscape, programs, slots, self._frames(fits), groups)
        room = heap.room[slots]
        reach = heap.reaches(programs.symbols).gather(1, slots[:, None])[:, 0]
        kinds = torch.where(reach < room, draws.integers(3, len(programs)), _REPLACE)
        wanted = _wanted_beside(wanted, present, kinds)
        below = (room - (kinds != _REPLACE).long())[:, None]
        levels = (below - torch.tensor([0, 0, 1], device=slots.device)).clamp(min=0)
        frames = torch.ones_like(levels, dtype=torch.bool)
        frames[:, 2] &= kinds != _PLUS  # a shift of a term is one of the sum
        open_frame = (slots == 0) & (kinds == _REPLACE)
        frames[:, 1] &= ~open_frame
        frames[:, 2] |= open_frame
        choice = self._retrieval.draw(wanted, present, frames, levels, temperatures, count, draws)
        return self._built(programs, slots, kinds, choice)

    def pairs(
        self, programs: Programs, fits: Fits, groups: Tensor, count: int
    ) -> tuple[Tensor, Programs]:
        """Programs with a sum or a product of two patterns at a slot, several for each.

        Arguments:
            programs: A few trees of finite energy.
            fits: Theirs.
            groups: Which target each aims at, `(B,)`.
            count: How many of either kind for each, at most.
        Returns:
            As of `single`.
        """
        heap = self._landscape.heap
        slots = self._draws.marked((programs.symbols > 0) & (heap.room > 2))
        wanted, _ = aims(self._landscape, programs, slots, self._frames(fits), groups)
        rows, built = [slots[:0]], [programs.at(slots[:0])]
        for row, slot in enumerate(slots.tolist()):  # each slot has pairs of its own
            here = torch.tensor([row], device=slots.device)
            room = int(heap.room[slot])
            window = self._draws.order(len(self._patterns))[:_WINDOW]
            window = window[self._patterns.heights[window] < room - 1]
            aim = taken(wanted, here)
            parts = Programs.joined(
                [self._sums(aim, window, count), self._products(aim, window, room - 1, count)]
            )
            rows.append(here.expand(len(parts)))
            places = torch.full_like(rows[-1], slot)
            built.append(heap.graft(programs.at(rows[-1]), places, parts))
        return torch.cat(rows), Programs.joined(built)

    def _frames(self, fits: Fits) -> Tensor:
        """Frames to aim within, `(B, 2)`: those of now, which make up for what is wrong, or none.

        A law needs no frame more often than that of a program which is not yet the law.
        """
        none = self._draws.uniform(len(fits)) < _FRAMELESS
        return torch.stack(
            [torch.where(none, 1.0, fits.scale), torch.where(none, 0.0, fits.shift)], 1
        )

    def _built(
        self, programs: Programs, slots: Tensor, kinds: Tensor, choice: Choice
    ) -> tuple[Tensor, Programs]:
        """Programs with the chosen patterns in place, and where each comes from."""
        heap, building = self._landscape.heap, self._building
        parts, known = self._patterns.programs(choice.items)
        rows = choice.rows
        kinds, slots, sources = kinds[rows], slots[rows], programs.at(rows)
        free = (slots > 0) | (kinds != _REPLACE)  # else the frame does it
        parts.gains[:, 0] *= torch.where(free, choice.gains, 1.0)
        parts = building.shifted(parts, torch.where(free, choice.shifts, 0.0))
        there = heap.cut(sources, slots)
        sums, products = building.sums(there, parts), building.products(there, parts)
        parts = parts.replaced(kinds == _PLUS, sums).replaced(kinds == _TIMES, products)
        return rows[known], heap.graft(sources, slots, parts).at(known)

    def _sums(self, aim: SlotTargets, window: Tensor, count: int) -> Programs:
        """The best sums of two patterns for one slot, with factors and a shift."""
        node = self._landscape.energy.node
        first, second, factors = sum_pairs(aim, self._patterns, window, node, count)
        left, known = self._patterns.programs(first)
        right, also = self._patterns.programs(second)
        left.gains[:, 0] *= factors[:, 0]
        right.gains[:, 0] *= factors[:, 1]
        sums = self._building.shifted(self._building.sums(left, right), factors[:, 2])
        return sums.at(known & also)

    def _products(self, aim: SlotTargets, window: Tensor, room: int, count: int) -> Programs:
        """For some first factors the second ones that suit best."""
        patterns = self._patterns
        first = window[: 4 * count]
        many = taken(aim, torch.zeros_like(first))
        factors = times(many, patterns.units[first] * patterns.norms[first, None])
        levels = torch.full((len(first), 3), room, device=first.device)
        frames = torch.tensor([False, True, False], device=first.device).expand_as(levels)
        cold = many.offset.new_full((len(first),), _LOWEST)
        choice = self._retrieval.draw(factors, many.weights, frames, levels, cold, 1, self._draws)
        left, known = patterns.programs(first[choice.rows])
        right, also = patterns.programs(choice.items)
        right.gains[:, 0] *= choice.gains
        return self._building.products(left, right).at(known & also)


def _wanted_beside(wanted: SlotTargets, present: Tensor, kinds: Tensor) -> SlotTargets:
    """What a pattern should be that replaces, or is added to, or multiplies what is there."""
    plus, factor = (kinds == _PLUS)[:, None], (kinds == _TIMES)[:, None]
    beside, within = without(wanted, present), times(wanted, present)
    return SlotTargets(
        torch.where(factor, within.weights, torch.where(plus, beside.weights, wanted.weights)),
        torch.where(factor, within.weighted, torch.where(plus, beside.weighted, wanted.weighted)),
        torch.where(plus[:, 0], beside.offset, wanted.offset),
    )
