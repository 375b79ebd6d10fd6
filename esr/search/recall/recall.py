"""Recall: associative retrieval of programs, alone and in pairs, under many views of a target."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.random import RandomStreams
from esr.search.clock import Clock
from esr.search.front import SearchFront
from esr.search.memory import Growth, Memory
from esr.search.recall.bank import Bank
from esr.search.recall.retrieval import product_pairs, singles, sum_pairs, thirds
from esr.search.recall.shortlist import Shortlist
from esr.search.recall.view import View, project, unexplained, units_of
from esr.search.recall.views import views

__all__ = ["Recall", "Round"]

_PAIRS = 200
"""Best pairs of a retrieval."""
_SINGLES = 80
"""Best programs or products of a retrieval, each of which is completed by one more program."""
_FEWEST = 2
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
    Round(5000, 1000, 1500, 700, 1500),
    Round(15000, 2000, 4000, 1000, 2500),
    Round(32000, 3000, 10000, 1000, 4000),
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
            asked.grown()
            asked.alone(usual)
            asked.products(usual, round_.products)
            asked.sums(usual, round_.sums)
            asked.alone(others)
            asked.products(others, round_.other_products)
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
        self._banks: dict[bool, Bank] = {}

    def grown(self) -> None:
        """Take notice that the memory has grown."""
        self._banks = {}

    @property
    def over(self) -> bool:
        """Whether an equation is exact or time is over."""
        return self._front.exact is not None or self._clock.expired

    def bases(self, looked_at: Sequence[View]) -> None:
        """Propose what the bases of views explain alone."""
        for view in looked_at:
            found = None if self.over else view.write([], self._memory.values[:0])
            if found is not None:
                self._front.propose(found[0], "recall of a basis")

    def alone(self, looked_at: Sequence[View]) -> None:
        """Ask for single programs, and for each of the best for one more."""
        for view in self._worth(looked_at):
            bank = self._bank(view)
            geometry = view.weights, view.directions
            if len(bank.places) == 0:
                continue
            hits = singles(view.target, bank, *geometry, _SINGLES)
            spans = self._add(view, bank.places[hits.places])
            more = thirds(view.target, bank, *geometry, spans, _PAIRS)
            first = hits.places[more.places[:, 0], 0]
            self._add(view, bank.places[torch.stack([first, more.places[:, 1]], 1)])
        self._shortlist.propose("recall of programs")

    def sums(self, looked_at: Sequence[View], programs: int) -> None:
        """Ask for sums of two of the first programs.

        Arguments:
            looked_at: The views.
            programs: How many programs.
        """
        for view in self._worth(looked_at):
            units, places = units_of(view, self._memory.values[:programs])
            if len(units) >= _FEWEST:
                hits = sum_pairs(view.target, units.to(self._type), _PAIRS, self._clock)
                self._add(view, places[hits.places])
        self._shortlist.propose("recall of sums")

    def products(self, looked_at: Sequence[View], programs: int) -> None:
        """Ask for products of two of the first programs, and one more program beside the best.

        Arguments:
            looked_at: The views; those that do not add behaviours themselves are passed over.
            programs: How many programs.
        """
        for view in self._worth([view for view in looked_at if view.adds_behaviours]):
            bank = self._bank(view)
            geometry = view.weights, view.directions
            rough = bank.rough[:programs]
            hits = product_pairs(view.target, rough, *geometry, _PAIRS, self._clock)
            places = bank.places[hits.places]
            spans = self._add(view, places, product=True)[:_SINGLES]
            more = thirds(view.target, bank, *geometry, spans, _PAIRS)
            triples = [places[more.places[:, 0]], bank.places[more.places[:, 1:]]]
            self._add(view, torch.cat(triples, 1), product=True)
        self._shortlist.propose("recall of products")

    def _add(self, view: View, places: Tensor, *, product: bool = False) -> Tensor:
        """Put matches on the shortlist, looked at in double precision.

        Arguments:
            view: The view.
            places: Places in memory, `(H, P)`.
            product: Whether the first two programs of each are multiplied.
        Returns:
            The first term of each beside the basis, of length 1, `(H, N)`.
        """
        values = self._memory.values[places]  # (H, P, N)
        if product:
            values = torch.cat([values[:, :1] * values[:, 1:2], values[:, 2:]], 1)
        shape = values.shape
        columns = (view.patterns(values.flatten(0, 1)) * view.weights).view(shape)
        shares = unexplained(view, columns)
        self._shortlist.add(view, places, shares, product=product)
        first = project(columns[:, 0], view.directions)
        return (first / first.norm(dim=1, keepdim=True)).nan_to_num(nan=0.0)

    def _bank(self, view: View) -> Bank:
        """The patterns of a view, which views that add behaviours share."""
        kind = view.adds_behaviours
        if kind not in self._banks:
            patterns = view.patterns(self._memory.values)
            self._banks[kind] = Bank(patterns, precise=self._type == torch.float64)
        return self._banks[kind]

    def _worth(self, looked_at: Sequence[View]) -> list[View]:
        return [view for view in looked_at if view.size > 0 and not self.over]
