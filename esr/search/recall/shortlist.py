"""The matches of a search that are worth a proposal."""

import math

import torch
from torch import Tensor

from esr.search.front import SearchFront
from esr.search.memory import Memory
from esr.search.recall.match import Match, written
from esr.search.recall.promise import Promises
from esr.search.recall.view import View

__all__ = ["Shortlist"]

_NODE = math.log(20)
"""Nats of a node, as the front counts them."""
_EXACT = 1e-16
"""Share of the target's square below which an error is looked at as rounding."""
_KEPT = 12
"""Matches of one retrieval that are kept."""
_EXAMINED = 80
"""Matches whose promise is looked at between two rounds of proposals."""
_GAIN = 0.3
"""A promise counts if it leaves no more than this share of the error."""


class Shortlist:
    """Collects matches, and proposes the best of them to a front.

    Arguments:
        front: Where equations are proposed.
        memory: The programs that matches are made of.
        proposals: How many matches of each kind are proposed at a time.
    """

    def __init__(self, front: SearchFront, memory: Memory, proposals: int) -> None:
        self._front, self._memory, self._proposals = front, memory, proposals
        rows = front.question.training
        self._square = float((rows.weights * rows.target.square()).sum())
        self._count = len(rows.target)
        self._promises = Promises(memory, rows)
        self._exact: list[Match] = []
        self._others: list[Match] = []

    def add(self, view: View, places: Tensor, explained: Tensor, *, product: bool) -> None:
        """Take in matches of a view.

        Arguments:
            view: The view.
            places: Places in memory, `(H, P)`.
            explained: Share of the view's target that each explains, `(H,)`.
            product: Whether the first two programs of each are multiplied.
        """
        errors = (1 - explained).clamp(min=0).nan_to_num(nan=1.0) * view.size**2
        sizes = self._memory.sizes[places].sum(1)
        lengths = self._lengths(errors, sizes)
        is_exact = errors < _EXACT * self._square
        order = torch.where(is_exact, sizes - 1e6, lengths).argsort(stable=True)[:_KEPT]
        for n in order.tolist():
            match = Match(
                view, tuple(places[n].tolist()), product, float(errors[n]), float(lengths[n])
            )
            (self._exact if bool(is_exact[n]) else self._others).append(match)

    def propose(self, source: str) -> None:
        """Propose the best matches, those first that seem exact, simplest first, and forget all.

        Arguments:
            source: Which part of the search they come from.
        """
        self._exact.sort(key=lambda match: match.length)
        found = [written(match, self._memory) for match in self._exact[: 2 * _KEPT]]
        equations = [pair[0] for pair in found if pair is not None]
        equations.sort(key=lambda equation: equation.complexity)
        for equation in equations[:_KEPT]:
            self._front.propose(equation, source)
            if self._front.settled:
                break
        else:
            self._others.sort(key=lambda match: match.length)
            self._propose(self._others[: self._proposals], source)
            self._propose(self._promising(), source)
        self._exact, self._others = [], []

    def _propose(self, matches: list[Match], source: str) -> None:
        for match in matches:
            if self._front.settled:
                return
            found = written(match, self._memory)
            if found is not None:
                self._front.propose(found[0], source)

    def _promising(self) -> list[Match]:
        """The matches that would gain most by moving the numbers inside."""
        ranked: list[tuple[float, Match]] = []
        for match in self._others[:_EXAMINED]:
            promise = self._promises.error(match)
            if promise is not None and promise[0] < _GAIN * match.error:
                sizes = self._memory.sizes[list(match.places)].sum() + promise[1]
                length = self._lengths(torch.tensor([promise[0]]), sizes[None])
                ranked.append((float(length), match))
        ranked.sort(key=lambda pair: pair[0])
        return [match for _, match in ranked[: self._proposals]]

    def _lengths(self, errors: Tensor, sizes: Tensor) -> Tensor:
        """Estimated description lengths `(H,)` in nats."""
        shares = (errors / self._square).clamp(min=1e-26)
        return self._count / 2 * shares.log() + _NODE * sizes
