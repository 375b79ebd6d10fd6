"""Lines in place of functions: a wave of small angle, or a root far from zero, is nearly one."""

from collections.abc import Iterator

import torch

from esr.equations import Call, Expression, fold, prefix, simplify
from esr.finishing import Candidate
from esr.random import RandomStreams
from esr.search.clock import Clock
from esr.search.front import SearchFront
from esr.search.question import Rows

__all__ = ["Straighten"]

_SIMPLIFYING = 1.0
_LARGEST = 40
"""Nodes of an equation that is worth it."""


class Straighten:
    """An engine that replaces functions in promising equations by lines.

    A search that lacks a number puts a function on a scale where it is nearly straight. With the
    best line in its place and all constants fitted anew, fewer nodes say the same, and better.
    Each replacement that helps is kept, and the next one is tried on it.

    Arguments:
        candidates: How many equations are looked at.
    """

    def __init__(self, candidates: int = 4) -> None:
        self._candidates = candidates

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """As `Engine.search`; nothing is drawn."""
        for candidate in front.promising(self._candidates):
            if candidate.expression.complexity <= _LARGEST:
                self._straighten(front, candidate, clock)

    def _straighten(self, front: SearchFront, best: Candidate, clock: Clock) -> None:
        improved = True
        while improved:
            improved = False
            for form in _straightened(best.expression, front.question.training):
                if clock.expired or front.settled:
                    return
                found = front.propose(form, "straighten")
                if found is not None and front.length(found) < front.length(best):
                    best, improved = found, True
                    break


def _straightened(expression: Expression, rows: Rows) -> Iterator[Expression]:
    """The expression with a line in place of one function of one argument."""
    for wanted in dict.fromkeys(_functions(expression)):
        inner = wanted.arguments[0]
        argument, values = (part.evaluate(rows.columns) for part in (inner, wanted))
        columns = torch.stack([argument, torch.ones_like(argument)], 1)
        if not bool(torch.isfinite(columns).all() & torch.isfinite(values).all()):
            continue
        slope, shift = torch.linalg.lstsq(columns, values[:, None]).solution[:, 0].tolist()
        line = slope * inner + shift
        yield simplify(_replaced(expression, wanted, line), seconds=_SIMPLIFYING)


def _functions(expression: Expression) -> Iterator[Call]:
    for node in prefix(expression):
        if isinstance(node, Call) and len(node.arguments) == 1 and node.variables:
            yield node


def _replaced(expression: Expression, wanted: Call, line: Expression) -> Expression:
    def visit(node: Expression, parts: tuple[Expression, ...]) -> Expression:
        if node == wanted:
            return line
        return Call(node.primitive, parts) if isinstance(node, Call) else node

    return fold(expression, visit)
