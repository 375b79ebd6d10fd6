"""How well a match would do if the numbers inside its programs were moved."""

import torch
from torch import Tensor

from esr.equations import Constant, Expression, prefix
from esr.equations.evaluation import Evaluator, fixed_constants
from esr.search.memory import Memory
from esr.search.question import Rows
from esr.search.recall.match import Match, joined
from esr.search.recall.view import project

__all__ = ["Promises"]


class Promises:
    r"""Errors of matches after one Gauss-Newton step of the numbers inside.

    To first order a change of a number :math:`\theta` in a program f adds a multiple of
    :math:`\partial f/\partial\theta` to it. With these tangents as further columns beside the
    patterns, linear least squares says what the step would leave: a match of the right form with
    numbers from a coarse grid improves by orders of magnitude, others hardly.

    Arguments:
        memory: The programs.
        rows: The rows that they were run on.
    """

    def __init__(self, memory: Memory, rows: Rows) -> None:
        self._memory, self._rows = memory, rows
        self._tangents: dict[int, Tensor] = {}

    def error(self, match: Match) -> tuple[float, int] | None:
        """What would be left of the sum of squared errors, and how many numbers would move.

        Returns:
            None if the match has no numbers that could.
        """
        slopes = [self.tangents(place) for place in match.places]
        values = self._memory.values[list(match.places)]
        if match.product:
            cross = torch.cat([slopes[0] * values[1], slopes[1] * values[0]])
            slopes[:2] = [cross]
        values, view = joined(values, product=match.product), match.view
        changes = [view.tangents(v, s) for v, s in zip(values, slopes, strict=True)]
        moving = sum(map(len, changes))
        if moving == 0:
            return None
        columns = torch.cat([view.patterns(values), *changes]) * view.weights
        columns = project(columns, view.directions)
        columns = columns / columns.norm(dim=1, keepdim=True)
        if not bool(torch.isfinite(columns).all()):
            return None
        sizes, vectors = torch.linalg.eigh(columns @ columns.T)
        parts = (vectors.T @ (columns @ view.target)).square()
        explained = float((parts / sizes)[sizes > 1e-10 * sizes[-1]].sum())
        return max(0.0, 1 - explained) * view.size**2, moving

    def tangents(self, place: int) -> Tensor:
        """Derivatives of a program's values by the numbers in it, exponents aside, `(C, N)`."""
        if place not in self._tangents:
            expression = self._memory.expression(place)
            self._tangents[place] = self._derived(expression)
        return self._tangents[place]

    def _derived(self, expression: Expression) -> Tensor:
        target = self._rows.target
        wanted = [not held for held in fixed_constants(expression, all_exponents=True)]
        if not any(wanted):
            return target.new_empty(0, len(target))
        columns = self._rows.columns
        numbers = [
            target.new_full((), n.value) for n in prefix(expression) if isinstance(n, Constant)
        ]
        evaluator = Evaluator(expression, tuple(columns))
        _, slopes = evaluator.with_slopes(tuple(columns.values()), numbers, wanted)
        return torch.stack([torch.zeros_like(target) + slope for slope in slopes])
