"""A search engine as an estimator: rows in, one equation out, within a time budget."""

from collections.abc import Sequence

from torch import Tensor

from esr.equations import Expression
from esr.errors import TrainingError
from esr.random import RandomStreams
from esr.search import Clock, Engine, Rows
from experiments.discoveries import Discoveries
from experiments.question_settings import QuestionSettings

__all__ = ["SearchEstimator"]


class SearchEstimator:
    """Has an engine search, and takes the best of its front.

    `front` holds all that it chose from, `times` when each of them was found, and `details` how
    many proposals there were, which sources had accepted ones, and when.

    Arguments:
        engine: Searches; it need not use the budget up.
        seed: Determines the held-out rows and every draw of the search.
        seconds: Budget of wall-clock time.
        question: Which rows are held out, and what an equation may have.
    """

    def __init__(
        self,
        engine: Engine,
        seed: int,
        seconds: float,
        question: QuestionSettings | None = None,
    ) -> None:
        self._engine, self._streams, self._seconds = engine, RandomStreams(seed), seconds
        self._question = QuestionSettings() if question is None else question
        self.front: tuple[Expression, ...] = ()
        self.times: tuple[float, ...] = ()
        self.details: dict[str, float] = {}

    def fit(self, inputs: Tensor, targets: Tensor, variables: Sequence[str]) -> "SearchEstimator":
        """Search.

        Arguments:
            inputs: Shape `(N, D)`.
            targets: Shape `(N,)`.
            variables: D names.
        Raises:
            DataError: If there are too few rows, or a value is not finite.
            TrainingError: If the engine proposes nothing that is allowed and finite.
        """
        clock = Clock(self._seconds)
        rows = Rows.of(inputs, targets, variables)
        found = Discoveries(self._question.ask(rows, generator=self._streams["split"]))
        self._engine.search(found.front, clock, self._streams)
        best = found.front.best
        if best is None:
            raise TrainingError("the search found nothing that is finite on the rows")
        self._variables, self._expression = tuple(variables), best.expression
        self.front = tuple(candidate.expression for candidate in found.front.candidates)
        self.times = tuple(map(found.seconds_of, found.front.candidates))
        self.details = found.details()
        return self

    @property
    def expression(self) -> Expression:
        """The equation chosen by `fit`."""
        return self._expression

    def predict(self, inputs: Tensor) -> Tensor:
        """Values `(N,)` of the equation for inputs `(N, D)`."""
        columns = inputs.double().unbind(1)
        return self._expression.evaluate(dict(zip(self._variables, columns, strict=True)))
