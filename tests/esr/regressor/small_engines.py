"""Engines that try next to nothing, for tests of what is around an engine."""

import time
from collections.abc import Sequence

import torch

from esr.equations import STANDARD, Constant, Expression, Variable
from esr.random import RandomStreams
from esr.search import Clock, Rows, SearchFront


class Plane:
    """Proposes the linear functions of each variable and of all."""

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        places = range(len(front.question.variables))
        for chosen in ([place] for place in places):
            front.propose(_plane(front.question.training, chosen), "line", refit=False)
        front.propose(_plane(front.question.training, list(places)), "plane", refit=False)


def _plane(rows: Rows, places: list[int]) -> Expression:
    root = rows.weights.sqrt()[:, None]
    columns = torch.cat((rows.inputs[:, places], torch.ones_like(root)), 1)
    found = torch.linalg.lstsq(root * columns, root * rows.target[:, None], driver="gelsd")
    *slopes, offset = found.solution[:, 0].tolist()
    total: Expression = Constant(offset)
    for slope, place in zip(slopes, places, strict=True):
        total = total + Constant(slope) * Variable(rows.variables[place])
    return total


class Forms:
    """Proposes given equations and counts its searches."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.searches = 0

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        self.searches += 1
        for text in self.texts:
            expression = Expression.parse(text, STANDARD | front.question.primitives)
            if set(expression.variables) <= set(front.question.variables):
                front.propose(expression, "forms")


class Drawn:
    """Proposes a line whose slope is drawn."""

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        slope = float(torch.rand((), generator=streams["slope"], dtype=torch.float64))
        name = front.question.variables[0]
        front.propose(Constant(slope) * Variable(name), "drawn", refit=False)


class Interrupted:
    """Is interrupted after some proposals."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        Forms(*self.texts).search(front, clock, streams)
        raise KeyboardInterrupt


class Deaf:
    """Goes on whatever the clock says."""

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        while True:
            time.sleep(0.05)
            front.propose(Constant(clock.left), "deaf")
