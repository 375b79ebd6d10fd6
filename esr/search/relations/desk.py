"""A desk between stages and the front: exact equations go on at once, others if they are short."""

import math
from collections.abc import Callable

import torch

from esr.equations import Expression
from esr.equations.tidy import tidy
from esr.search.clock import Clock
from esr.search.front import SearchFront
from esr.search.relations.power_sum import near_fraction
from esr.search.relations.writing import Writer, length
from esr.search.relations.zeros import without_zeros

__all__ = ["Desk"]

_NEARLY_EXACT = 1e-17
"""Share of the mean square below which an equation goes on at once."""
_SAME_NUMBER, _ALMOST, _VANISHING = 1e-9, 0.03, 1e-10
_NODE = math.log(20)
"""Nats of a node, as description lengths count them."""
_WRITTEN = 2
"""How many suggestions are written for each equation that is fitted."""
_SHORTENED = 0.6
"""Share of the nodes that are left at best where a sum is written well."""
_ALIKE, _OF_ALIKE = 0.02, 2
"""Misses this near each other, relatively, are often those of one function; how many are kept."""
_SLACK, _SLACK_PER_ROW = 20.0, 0.05
"""Nats that a fit may be expected to gain."""
_WORTH_ROUNDING = 30.0
"""Nats beyond the shortest description within which numbers are worth rounding."""
_SOURCE = "relations"


class Desk:
    """Takes what stages offer.

    Arguments:
        front: Where equations are proposed.
        clock: The time allowed.
    """

    def __init__(self, front: SearchFront, clock: Clock) -> None:
        self.front, self.clock = front, clock
        self.question = front.question
        self.writer = Writer(front.question.primitives)
        self._rows = self.question.training
        self.columns = self._rows.columns
        square = float((self._rows.weights * self._rows.target.square()).mean())
        self._square = square + math.ulp(0.0)
        self._count = len(self._rows.target) + len(self.question.validation.target)
        self._suggested: list[tuple[float, float, Callable[[float], Expression]]] = []
        self._waiting: dict[Expression, float] = {}
        self._offered: set[Expression] = set()

    def closed(self) -> bool:
        """Whether an equation is exact or time is over."""
        return self.front.settled or self.clock.expired

    def suggest(self, miss: float, nodes: float, write: Callable[[float], Expression]) -> None:
        """Take what may be worth writing down, once it is compared with the rest.

        Arguments:
            miss: Root of the mean squared error that it will about have.
            nodes: About how many nodes.
            write: Builds the equation of y, numbers replaced by fractions as near as it is told.
        """
        if math.isfinite(miss):
            self._suggested.append((self._misfit(miss * miss), nodes * _NODE, write))

    def offer(self, expression: Expression) -> None:
        """Take an equation of y; constants as good as a closed form finds them.

        Arguments:
            expression: Of any form and size.
        """
        expression = tidy(expression)
        if expression in self._offered or self.closed():
            return
        if expression.complexity > self.question.max_complexity:
            return
        self._offered.add(expression)
        error = self._error(expression)
        if error <= _NEARLY_EXACT * self._square:
            self._propose_exact(expression)
        elif math.isfinite(error):
            self._waiting[expression] = self._misfit(error) + length(expression)

    def settle(self, most: int) -> None:
        """Propose those with the shortest descriptions, and forget the others.

        Arguments:
            most: Largest number of equations that are fitted.
        """
        for write in self._promising(_WRITTEN * most):
            if self.closed():
                return
            self.offer(write(_SAME_NUMBER))
            self.offer(write(_ALMOST))
        self._suggested.clear()
        lengths, self._waiting = self._waiting, {}
        longest = self._longest()
        for expression in sorted(lengths, key=lengths.__getitem__)[:most]:
            if lengths[expression] <= longest:
                self.propose(expression)

    def propose(self, expression: Expression) -> None:
        """Propose an equation, fitted, and once more with numbers that are nearly whole ones.

        Arguments:
            expression: Constants near enough for a fit to find the best.
        """
        if self.closed():
            return
        candidate = self.front.propose(tidy(expression), _SOURCE)
        best = self.front.best
        if candidate is None or best is None:
            return
        if self.front.length(candidate) > self.front.length(best) + _WORTH_ROUNDING:
            return
        for tolerance in (_SAME_NUMBER, _ALMOST):
            plain = _with_plain_numbers(candidate.expression, tolerance)
            if plain != candidate.expression:
                self.front.propose(plain, _SOURCE, refit=False)
                if 0 < len(plain.constants) < len(candidate.expression.constants):
                    self.front.propose(plain, _SOURCE)

    def _promising(self, most: int) -> list[Callable[[float], Expression]]:
        """Suggestions with the shortest descriptions, few of those that miss by the same."""
        kept: list[Callable[[float], Expression]] = []
        alike: dict[int, int] = {}
        longest = self._longest()
        for misfit, nodes, write in sorted(self._suggested, key=lambda s: s[0] + s[1]):
            if misfit + _SHORTENED * nodes > longest:
                continue
            group = round(2 * misfit / self._count / _ALIKE)
            alike[group] = alike.get(group, 0) + 1
            if alike[group] <= _OF_ALIKE:
                kept.append(write)
        return kept[:most]

    def _longest(self) -> float:
        """Description length beyond which a fit will hardly make an equation the shortest."""
        known = self.front.candidates
        lengths = [self._misfit(c.training_error) + length(c.expression) for c in known]
        return min(lengths, default=math.inf) + _SLACK + _SLACK_PER_ROW * self._count

    def _propose_exact(self, expression: Expression) -> None:
        plain = _with_plain_numbers(expression, _SAME_NUMBER)
        self.front.propose(plain, _SOURCE, refit=False)
        if not self.front.settled:
            self.propose(expression)

    def _misfit(self, error: float) -> float:
        """Nats of the data, given an equation with that mean squared error."""
        return self._count / 2 * math.log(max(error, _NEARLY_EXACT * self._square))

    @torch.no_grad()
    def _error(self, expression: Expression) -> float:
        rows = self._rows
        residuals = expression.evaluate(self.columns) - rows.target
        return float((rows.weights * residuals.square()).mean().nan_to_num(nan=math.inf))


def _with_plain_numbers(expression: Expression, tolerance: float) -> Expression:
    """The same with constants at fractions that they are near, and without vanishing ones."""
    numbers = [
        near_fraction(value, tolerance) if abs(value) > _VANISHING else 0.0
        for value in expression.constants
    ]
    return tidy(without_zeros(expression.with_constants(numbers)))
