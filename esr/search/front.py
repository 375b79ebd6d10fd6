"""The Pareto front of a search: every proposal is fitted, verified on unseen rows and judged."""

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from esr.equations import Expression, fit_constants
from esr.finishing import Candidate, pareto_front
from esr.search.description import description_length
from esr.search.question import Question, Rows

__all__ = ["SearchFront"]

_FIRST_STEPS, _STEPS = 6, 40
_PROMISING = 1e-3
"""Share of the target's variance that a fit must reach in its first steps to go on, unless the
best equation is not better by more than the leeway below."""
_BEHIND = 4.0
_UNSEEN_LEEWAY = 1e6
"""How many times its rounding error an exact equation may miss unseen rows by: constants have
rounding errors, which rows beyond the range of the others enlarge."""
_HANDY = 20
"""Nodes up to which an exact equation is taken as it is."""
_PATIENCE = 0.25
"""Seconds that each further node is worth looking for a shorter one."""
_MOST = 400
"""Candidates kept beside the front."""


class SearchFront:
    """What a search has found, simplest first, judged on rows that no fit saw.

    Arguments:
        question: What is asked.
        heard: Told of each candidate that enters the front.
    """

    def __init__(
        self, question: Question, heard: Callable[[Candidate], object] | None = None
    ) -> None:
        self.question = question
        self.proposals = 0
        self.accepted: dict[str, int] = {}
        """How many candidates of each source entered the front when proposed."""
        self._heard = heard
        self._spread = float(question.training.target.var(correction=0))
        self._seen: dict[str, Candidate | None] = {}
        self._front: list[Candidate] = []
        self._exact: Candidate | None = None
        self._best: Candidate | None = None
        self._became_exact = math.inf

    def propose(
        self, expression: Expression, source: str, *, refit: bool = True
    ) -> Candidate | None:
        """Judge an expression and keep it if it is any good.

        Arguments:
            expression: In the question's variables; of any form, constants at good starts.
            source: Which part of the search proposes it.
            refit: Whether its constants are fitted to the training rows first.
        Returns:
            The expression with its errors; None if it is not allowed, has no finite error on
            either rows, or has been proposed before and was no good.
        """
        self.proposals += 1
        key = f"{expression:.6g}" if refit else f"={expression}"
        if key in self._seen:
            return self._seen[key]
        self._seen[key] = candidate = self._judged(expression, refit)
        if candidate is None:
            return None
        self._seen.setdefault(f"{candidate.expression:.6g}", candidate)
        if self._enters(candidate):
            self.accepted[source] = self.accepted.get(source, 0) + 1
            self._front = pareto_front([*self._front, candidate])
            if self._heard is not None:
                self._heard(candidate)
        if self._best is None or self.length(candidate) < self.length(self._best):
            self._best = candidate
        shorter = self._exact is None or self.length(candidate) < self.length(self._exact)
        if shorter and self.is_exact(candidate):
            if self._exact is None:
                self._became_exact = time.monotonic()
            self._exact = candidate
        return candidate

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The Pareto front of complexity against validation error, and the best, simplest
        first."""
        best = self.best
        beside = [] if best is None or best in self._front else [best]
        return tuple(sorted([*self._front, *beside], key=lambda c: c.expression.complexity))

    @property
    def exact(self) -> Candidate | None:
        """The shortest equation that misses all rows by rounding alone, if there is one."""
        return self._exact

    @property
    def settled(self) -> bool:
        """Whether an equation is exact, and a shorter one has been looked for long enough.

        Smooth functions have series and rational functions that imitate them to the last bit, so
        that the longer an exact equation is, the longer the search goes on.
        """
        if self._exact is None:
            return False
        extra = max(0, self._exact.expression.complexity - _HANDY)
        return time.monotonic() - self._became_exact >= _PATIENCE * extra

    @property
    def best(self) -> Candidate | None:
        """The shortest exact equation, or the one with the shortest description; None if there
        is none yet."""
        return self._best if self._exact is None else self._exact

    def length(self, candidate: Candidate) -> float:
        """Description length of a candidate in nats."""
        return description_length(candidate, self.question)

    def promising(self, most: int) -> list[Candidate]:
        """Candidates with the shortest descriptions, on the front or not.

        Arguments:
            most: Largest number of them. Of several forms of one equation, which have the same
                errors, only the shortest is among them.
        """
        known = [c for c in self._seen.values() if c is not None]
        distinct: dict[str, Candidate] = {}
        for candidate in sorted(known, key=self.length):
            errors = f"{candidate.training_error:.8e} {candidate.validation_error:.8e}"
            distinct.setdefault(errors, candidate)
        return list(distinct.values())[:most]

    def is_exact(self, candidate: Candidate) -> bool:
        """Whether an equation misses training and unseen rows by rounding alone."""
        limit = self.question.rounding_error
        return (
            candidate.training_error <= limit
            and candidate.validation_error <= _UNSEEN_LEEWAY * limit
        )

    def _judged(self, expression: Expression, refit: bool) -> Candidate | None:
        question = self.question
        if expression.complexity > question.max_complexity:
            return None
        if not question.permits(expression) or not question.rules.allows(expression):
            return None
        training = question.training
        if refit and expression.constants:
            fitted = self._fitted(expression)
            if fitted is None:
                return None
            expression = fitted
        errors = [_error(expression, rows) for rows in (training, question.validation)]
        if not all(map(math.isfinite, errors)):
            return None
        self._forget()
        return Candidate(expression, *errors)

    def _fitted(self, expression: Expression) -> Expression | None:
        """With constants fitted to the training rows, thoroughly only if it is promising."""
        rows = self.question.training
        for steps in (_FIRST_STEPS, _STEPS):
            fit = fit_constants(
                expression, rows.columns, rows.target, weights=rows.weights, steps=steps
            )
            if not math.isfinite(fit.mse):
                return None
            expression = fit.expression
            best = math.inf if self._best is None else self._best.training_error
            limit = max(_PROMISING * self._spread, _BEHIND * best)
            if fit.converged or fit.mse > limit:
                break
        return expression

    def _enters(self, candidate: Candidate) -> bool:
        """Whether nothing on the front is as simple and as good."""
        return not any(
            other.expression.complexity <= candidate.expression.complexity
            and other.validation_error <= candidate.validation_error
            for other in self._front
        )

    def _forget(self) -> None:
        """Drop the worst of what is off the front when there is too much of it."""
        known = [c for c in self._seen.values() if c is not None]
        if len(known) > 2 * _MOST:
            kept = set(map(id, sorted(known, key=self.length)[:_MOST]))
            self._seen = {
                key: c if c is not None and id(c) in kept else None
                for key, c in self._seen.items()
            }


@torch.no_grad()
def _error(expression: Expression, rows: Rows) -> float:
    """Weighted mean squared error, infinite where it is not a number."""
    residuals: Tensor = expression.evaluate(rows.columns) - rows.target
    return float((rows.weights * residuals.square()).mean().nan_to_num(nan=math.inf))
