"""An engine that proposes what it is told to, for the tests of what uses engines."""

from collections.abc import Sequence

from esr.equations import Expression
from esr.random import RandomStreams
from esr.search import Clock, SearchFront


class TinyEngine:
    """Proposes a few expressions in order, under the name of their place.

    Arguments:
        texts: The expressions.
        patient: Whether it goes on until its time is over.
    """

    def __init__(
        self, texts: Sequence[str] = ("x", "1.9*x", "x*x"), patient: bool = False
    ) -> None:
        self.texts, self.patient = tuple(texts), patient

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """Propose all, and wait if patient."""
        for text in self.texts:
            expression = Expression.parse(text)
            if set(expression.variables) <= set(front.question.variables):
                front.propose(expression, "tiny")
        while self.patient and not clock.expired:
            pass
