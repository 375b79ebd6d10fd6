"""The last stage of a search: simplify, drop terms, and snap constants where the data allow."""

import math

from esr.equations import Expression, folded_exponents, reduced_phases, simplify
from esr.finishing import (
    Candidate,
    eliminate_terms,
    elimination_path,
    rounding_floor,
    snap_constants,
)
from esr.random import RandomStreams
from esr.search.clock import Clock
from esr.search.description import fitted_price
from esr.search.front import SearchFront
from esr.search.products import with_products
from esr.search.signs import with_signs

__all__ = ["Polish"]

_SIMPLIFYING = 2.0
"""Seconds that one simplification may take."""
_NOTHING = 1e-11
"""A constant of an exact equation that is smaller is tried as zero."""
_EXACT = 1e-13
"""Effect of a superfluous term, in standard deviations of the target."""
_SNAPPED = 30
"""Equations whose constants are worth snapping."""
_SHORTENING = 0.5
"""Share of the time for eliminating terms."""
_LARGEST = 45
"""Nodes of an equation whose terms are worth eliminating."""


class Polish:
    """Makes the most promising equations of a front simpler, best first.

    Each gets simple constants where the data do not object, loses terms one after another, and is
    simplified. An exact equation is only simplified and snapped, and nothing else is touched.

    Arguments:
        candidates: How many equations are worth it.
    """

    def __init__(self, candidates: int = 6) -> None:
        self._candidates = candidates

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """Propose simpler forms of what is on the front."""
        if front.exact is not None:
            self._without_the_superfluous(front, front.exact.expression)
            self._tidy(front, front.exact)
            return
        for candidate in front.promising(_SNAPPED):
            if clock.expired:
                return
            self._snap(front, candidate)
        shortening = clock.part(_SHORTENING)
        for candidate in front.promising(self._candidates):
            if shortening.expired:
                break
            if candidate.expression.complexity <= _LARGEST:
                self._shorten(front, candidate.expression, shortening)
        for candidate in front.promising(self._candidates):
            if clock.expired:
                return
            self._tidy(front, candidate)

    def _without_the_superfluous(self, front: SearchFront, exact: Expression) -> None:
        rows = front.question.training
        cleared = [0.0 if abs(value) < _NOTHING else value for value in exact.constants]
        if 0.0 in cleared:
            front.propose(simplify(exact.with_constants(cleared), seconds=_SIMPLIFYING), "polish")
        if front.exact is not None and front.exact.expression.complexity <= _LARGEST:
            shorter = eliminate_terms(
                front.exact.expression, rows.columns, rows.target, tolerance=_EXACT
            )
            if shorter is not None:
                front.propose(shorter.expression, "polish")

    def _shorten(self, front: SearchFront, expression: Expression, clock: Clock) -> None:
        rows = front.question.training
        path = elimination_path(expression, rows.columns, rows.target, seconds=clock.left)
        for step in path:
            front.propose(step.expression, "polish")

    def _snap(self, front: SearchFront, candidate: Candidate) -> list[Candidate]:
        """With simple constants: fractions, or multiples of roots, pi and e as well."""
        rows = front.question.training
        count = len(rows.target) + len(front.question.validation.target)
        forms = [
            snap_constants(
                candidate.expression,
                rows.columns,
                rows.target,
                floor=rounding_floor(rows.target),
                price=fitted_price(count),
                weights=rows.weights,
                only_fractions=only_fractions,
            )
            for only_fractions in (False, True)
        ]
        found = [front.propose(form, "polish", refit=False) for form in dict.fromkeys(forms)]
        return [one for one in found if one is not None]

    def _tidy(self, front: SearchFront, candidate: Candidate) -> None:
        rows = front.question.training
        forms = [candidate.expression]
        factored = with_products(candidate.expression, seconds=_SIMPLIFYING)
        forms += [] if factored is None else [factored]
        signed = [with_signs(form, rows) for form in forms]
        forms += [form for form in signed if form is not None]
        forms += [simple for form in forms for simple in _simpler(form)]
        for form in dict.fromkeys(forms):
            fitted = front.propose(form, "polish")
            if fitted is None or not math.isfinite(fitted.training_error):
                continue
            for snapped in self._snap(front, fitted):
                for tidy in _simpler(snapped.expression):
                    front.propose(tidy, "polish", refit=False)


def _simpler(expression: Expression) -> list[Expression]:
    """Simplified forms."""
    simple = simplify(reduced_phases(expression), seconds=_SIMPLIFYING)
    factored = simplify(expression, expand=False, seconds=_SIMPLIFYING)
    return [simple, factored, simplify(folded_exponents(simple), seconds=_SIMPLIFYING)]
