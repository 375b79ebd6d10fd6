"""Recall: associative retrieval of programs, alone and in pairs, under many views of a target."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.random import RandomStreams
from esr.search.clock import Clock
from esr.search.front import SearchFront
from esr.search.memory import Growth, Memory
from esr.search.recall.framed import explained_by_frames, framed_pairs
from esr.search.recall.retrieval import product_pairs, singles, sum_pairs, thirds
from esr.search.recall.shortlist import Shortlist
from esr.search.recall.view import View, project, units_of
from esr.search.recall.views import views

__all__ = ["Recall", "Round"]

_MATCHES = 200
"""Best pairs of a retrieval."""
_SINGLES = 60
"""Best programs of a retrieval, each of which is completed by another one."""
_FEW_ROWS = 100
"""Up to so many rows pairs are scored in double precision: fewer rows let more of them fit."""


@dataclass(frozen=True)
class Round:
    """How far one round of recall goes.

    Arguments:
        programs: Size that the memory grows to.
        products: Programs whose products are scored in the usual views.
        sums: Programs whose sums are scored in the usual views.
        other_products: Programs whose products are scored in the other views.
        other_sums: Programs whose sums are scored in the other views.
    """

    programs: int
    products: int
    sums: int
    other_products: int
    other_sums: int


_ROUNDS = (
    Round(4000, 1000, 1500, 700, 1500),
    Round(12000, 2000, 4000, 1000, 2500),
    Round(30000, 4000, 10000, 1500, 4000),
)


class Recall:
    """An engine that looks for a target among what a memory's programs explain together.

    Each round grows the memory and asks, for every view of the target: which program, which
    program beside another one, which product of two and which sum of two explain most of what the
    view's basis does not? Cheap questions come first. The best matches are proposed; of matches
    whose inner numbers are off, those that a Gauss-Newton step would improve most.

    Arguments:
        rounds: From small to large.
        proposals: How many equations are proposed at a time.
    """

    def __init__(self, rounds: Sequence[Round] = _ROUNDS, proposals: int = 10) -> None:
        self.rounds, self.proposals = tuple(rounds), proposals

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """As `Engine.search`; nothing is drawn."""
        question = front.question
        usual, others = views(question)
        capacity = max(round_.programs for round_ in self.rounds)
        memory = Memory(question.training, capacity, question.rules)
        growth = Growth(memory, question.primitives)
        asked = _Retrieval(front, memory, clock, self.proposals)
        for view in (*usual, *others):
            asked.bases([view])
        for round_ in self.rounds:
            if asked.over:
                return
            growth.grow(round_.programs, clock)
            asked.alone(usual)
            asked.products(usual, round_.products)
            asked.frames(usual, round_.products)
            asked.sums(usual, round_.sums)
            asked.alone(others)
            asked.products(others, round_.other_products)
            asked.frames(others, round_.other_products)
            asked.sums(others, round_.other_sums)


class _Retrieval:
    """Retrieves from a memory and proposes what is found.

    Arguments:
        front: Where equations are proposed.
        memory: The memory.
        clock: Nothing is retrieved when this has expired.
        proposals: How many equations are proposed at a time.
    """

    def __init__(self, front: SearchFront, memory: Memory, clock: Clock, proposals: int) -> None:
        self._front, self._memory, self._clock = front, memory, clock
        self._shortlist = Shortlist(front, memory, proposals)
        few = len(front.question.training.target) <= _FEW_ROWS
        self._type = torch.float64 if few else torch.float32

    @property
    def over(self) -> bool:
        """Whether an equation is exact or time is over."""
        return self._front.settled or self._clock.expired

    def bases(self, looked_at: Sequence[View]) -> None:
        """Propose what the bases of views explain alone."""
        for view in looked_at:
            found = None if self.over else view.write([], self._memory.values[:0])
            if found is not None:
                self._front.propose(found[0], "recall of a basis")

    def alone(self, looked_at: Sequence[View]) -> None:
        """Ask for single programs, and for each of the best for one more."""
        for view in self._worth(looked_at):
            units, places = units_of(view, self._memory.values)
            if len(units) == 0:
                continue
            hits = singles(view.target, units, _SINGLES)
            self._shortlist.add(view, places[hits.places], hits.explained, product=False)
            more = thirds(view.target, units, units[hits.places], _SINGLES)
            pairs = torch.cat([hits.places[more.places[:, 0]], more.places[:, 1:]], 1)
            self._shortlist.add(view, places[pairs], more.explained, product=False)
        self._shortlist.propose("recall of programs")

    def sums(self, looked_at: Sequence[View], programs: int) -> None:
        """Ask for sums of two of the first programs.

        Arguments:
            looked_at: The views.
            programs: How many programs.
        """
        for view in self._worth(looked_at):
            units, places = units_of(view, self._memory.values[:programs])
            if len(units) < 2:
                continue
            hits = sum_pairs(view.target, units.to(self._type), _MATCHES, self._clock)
            scores = units[hits.places] @ view.target  # (H, 2)
            cosines = units[hits.places].prod(1).sum(1)
            crossed = scores.square().sum(1) - 2 * scores.prod(1) * cosines
            explained = crossed / (1 - cosines.square())
            self._shortlist.add(view, places[hits.places], explained, product=False)
        self._shortlist.propose("recall of sums")

    def products(self, looked_at: Sequence[View], programs: int) -> None:
        """Ask for products of two of the first programs, and one more program beside the best.

        Arguments:
            looked_at: The views; those that do not add behaviours themselves are passed over.
            programs: How many programs.
        """
        values = self._memory.values[:programs]
        patterns = values / values.square().mean(1, keepdim=True).sqrt()
        for view in self._worth(looked_at):
            if not view.adds_behaviours:
                continue
            hits = product_pairs(
                view.target,
                view.directions,
                view.weights,
                patterns.to(self._type),
                _MATCHES,
                self._clock,
            )
            left = project(values[hits.places].prod(1) * view.weights, view.directions)
            left = left / left.norm(dim=1, keepdim=True)
            explained = (left @ view.target).square()
            self._shortlist.add(view, hits.places, explained, product=True)
            units, places = units_of(view, self._memory.values[: 4 * programs])
            best = explained.nan_to_num(nan=0.0).topk(min(_SINGLES, len(explained))).indices
            more = thirds(view.target, units, left[best, None], _SINGLES)
            triples = torch.cat(
                [hits.places[best[more.places[:, 0]]], places[more.places[:, 1:]]], 1
            )
            self._shortlist.add(view, triples, more.explained, product=True)
        self._shortlist.propose("recall of products")

    def frames(self, looked_at: Sequence[View], programs: int) -> None:
        """Ask for products of two programs with a shift each.

        Arguments:
            looked_at: The views; those that do not add behaviours themselves are passed over.
            programs: How many programs: the first of those that differ by more than a shift, and
                as many again that match the target best.
        """
        for view in self._worth(looked_at):
            if not view.adds_behaviours or programs < 2:
                continue
            places = self._leading(view, programs)
            values = self._memory.values[places]
            values = values - values.mean(1, keepdim=True)
            values = values / values.square().mean(1, keepdim=True).sqrt()
            hits = framed_pairs(view, values.to(self._type), _MATCHES, self._clock)
            explained = explained_by_frames(view, values, hits.places)
            matched = places[hits.places].repeat(1, 2)  # the product, and both factors
            self._shortlist.add(view, matched, explained, product=True)
        self._shortlist.propose("recall of products with shifts")

    def _leading(self, view: View, programs: int) -> Tensor:
        """Places of the first distinct programs, and of the best of the others."""
        distinct = self._memory.distinct.nonzero()[:, 0]
        first, others = distinct[:programs], distinct[programs:]
        if len(others) == 0:
            return first
        units, kept = units_of(view, self._memory.values[others])
        best = singles(view.target, units, programs).places[:, 0]
        return torch.cat([first, others[kept[best]]])

    def _worth(self, looked_at: Sequence[View]) -> list[View]:
        return [view for view in looked_at if view.size > 0 and not self.over]
