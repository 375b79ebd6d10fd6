"""One output: rows in, a front of equations out, in three steps that may be in three processes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from esr.equations import Constant, Expression
from esr.errors import ConfigurationError
from esr.finishing import Candidate, pareto_front
from esr.random import RandomStreams
from esr.regressor.many_rows import mean_squared_error
from esr.regressor.progress import Progress
from esr.regressor.refit import refitted
from esr.regressor.sampling import distinct_rows, draw_sample
from esr.regressor.settings import SearchSettings
from esr.regressor.table import EquationRow, EquationTable
from esr.regressor.variables import usable_columns
from esr.search import Clock, Question, Rows, SearchFront

__all__ = ["Explored", "Prepared", "conclude", "explore", "prepare"]

_FEWEST_ROWS = 3
"""Different rows below which there is nothing to search for."""
_GRACE, _GRACE_SHARE = 0.5, 0.05
"""Seconds, and share of the time, by which an engine may be late before it is cut off."""


@dataclass(frozen=True)
class Prepared:
    """What is asked about one output.

    Arguments:
        question: For an engine.
        everything: All different rows, with all variables.
        unseen: Those that no fit sees before the last one.
        observations: How many rows there were before equal ones were merged.
        is_open: Whether there is anything to search for.
        notes: On columns that are not searched.
    """

    question: Question
    everything: Rows
    unseen: Rows
    observations: int
    is_open: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Explored:
    """What one search has found.

    Arguments:
        front: Its front.
        interrupted: Whether Ctrl-C ended it.
    """

    front: SearchFront
    interrupted: bool


def prepare(rows: Rows, settings: SearchSettings, precision: float, seed: int) -> Prepared:
    """Merge equal rows, leave out useless columns, draw a sample and hold out a part of it.

    Arguments:
        rows: All rows, at least one of positive weight.
        settings: What holds for all outputs.
        precision: Share of the target's mean square that rounding may leave.
        seed: Determines the sample.
    """
    observations = int((rows.weights > 0).sum())
    rows = distinct_rows(rows)
    kept, notes = usable_columns(rows.inputs, rows.variables)
    varies = bool((rows.target != rows.target[0]).any())
    is_open = varies and len(kept) > 0 and len(rows.target) >= _FEWEST_ROWS
    unseen = rows
    # the spread of a single row is not defined, that of the same row twice is 0
    twice = rows.target.new_zeros(2).long()
    training = validation = rows if len(rows.target) > 1 else rows.taken(twice)
    if is_open:
        generator = RandomStreams(seed)["rows"]
        most, held_out = settings.max_rows, settings.held_out
        sample = draw_sample(rows.target, most, held_out, generator=generator)
        variables = tuple(rows.variables[column] for column in kept)
        searched = Rows(rows.inputs[:, kept], rows.target, rows.weights, variables)
        training, validation = searched.taken(sample.training), searched.taken(sample.validation)
        is_unseen = rows.target.new_ones(len(rows.target), dtype=bool)  # type: ignore[call-overload]
        is_unseen[sample.training] = False
        unseen = rows.taken(is_unseen.nonzero()[:, 0])
    question = Question(
        training,
        validation,
        settings.primitives,
        settings.rules,
        settings.max_complexity,
        precision,
    )
    return Prepared(question, rows, unseen, observations, is_open, tuple(notes))


def explore(
    prepared: Prepared,
    settings: SearchSettings,
    seconds: float,
    seed: int,
    earlier: Sequence[Expression] = (),
    output: str = "y",
) -> Explored:
    """Search.

    Arguments:
        prepared: What is asked.
        settings: With the engine.
        seconds: Time for it.
        seed: Determines the engine's draws.
        earlier: Equations to begin with; those with other variables are passed over.
        output: What to call the output when telling of progress.
    """
    clock, question = Clock(max(0.0, seconds)), prepared.question
    progress = Progress(settings.verbose, output, clock) if settings.verbose > 0 else None
    front = _TimedFront(question, progress, clock)
    interrupted = False
    try:
        _propose_constant(front)
        for expression in earlier:
            if set(expression.variables) <= set(question.variables):
                front.propose(expression, "earlier")
        if prepared.is_open and not front.settled and not clock.expired:
            streams = RandomStreams(seed, question.training.target.device)
            settings.engine.search(front, clock, streams)
    except _Late:
        pass
    except KeyboardInterrupt:
        interrupted = True
    if progress is not None:
        progress.end()
    return Explored(front.at_rest(), interrupted)


def conclude(
    prepared: Prepared, explored: Sequence[Explored], clock: Clock
) -> tuple[EquationTable, bool]:
    """Join what searches have found, judge it on all unseen rows, and fit to all rows.

    Arguments:
        prepared: What was asked.
        explored: What was found, at least one.
        clock: Equations other than the chosen one keep their constants when it has expired.
    Returns:
        The table, and whether Ctrl-C came meanwhile; constants then stay as they are.
    Raises:
        ConfigurationError: If the rules allow nothing that was found.
    """
    front = explored[0].front
    for other in explored[1:]:
        for candidate in other.front.candidates:
            front.propose(candidate.expression, "another start", refit=False)
    if not front.candidates:
        raise ConfigurationError(
            "no equation was found that the rules and max_complexity allow; they must allow at "
            "least one that is finite on the rows, and there must be time to find it"
        )
    interrupted = False
    candidates = list(front.candidates)
    chosen = _best(front, candidates)
    fits: dict[Expression, tuple[Expression, float, tuple[float, ...]]] = {}
    try:
        candidates = _judged(front, prepared)
        chosen = _best(front, candidates)
        rounding = prepared.question.rounding_error
        for candidate in sorted(candidates, key=lambda c: c is not chosen):
            if clock.expired and candidate is not chosen:
                break
            fitted, errors = refitted(
                candidate.expression,
                prepared.everything,
                rounding,
                prepared.observations,
                clock,
            )
            loss = mean_squared_error(fitted, prepared.everything)
            fits[candidate.expression] = fitted, loss, errors
    except KeyboardInterrupt:
        interrupted = True
    rows = [_row(candidate, fits, candidate is chosen) for candidate in candidates]
    return EquationTable(rows), interrupted


def _propose_constant(front: SearchFront) -> None:
    """The mean of the rows, which is always a candidate."""
    rows = front.question.training
    varies = bool((rows.target != rows.target[0]).any())
    mean = float((rows.weights * rows.target).mean() if varies else rows.target[0])
    front.propose(Constant(mean), "constant", refit=False)


def _best(front: SearchFront, candidates: Sequence[Candidate]) -> Candidate:
    """The shortest exact equation, or else the one with the shortest description."""
    return min(candidates, key=lambda c: (not front.is_exact(c), front.length(c)))


def _judged(front: SearchFront, prepared: Prepared) -> list[Candidate]:
    """The front by the error on all unseen rows, which are more than it knew if many are left."""
    candidates = list(front.candidates)
    if len(prepared.unseen.target) == len(prepared.question.validation.target):
        return candidates
    judged = []
    for candidate in candidates:
        error = mean_squared_error(candidate.expression, prepared.unseen)
        judged.append(Candidate(candidate.expression, candidate.training_error, error))
    return pareto_front(judged) or candidates


def _row(
    candidate: Candidate,
    fits: dict[Expression, tuple[Expression, float, tuple[float, ...]]],
    chosen: bool,
) -> EquationRow:
    """A row of the table; what was not fitted again has unknown standard errors."""
    expression = candidate.expression
    unfitted = expression, candidate.training_error, (math.nan,) * len(expression.constants)
    equation, loss, errors = fits.get(expression, unfitted)
    return EquationRow(
        equation.complexity, candidate.validation_error, loss, equation, errors, chosen
    )


class _Late(Exception):  # noqa: N818 - it says what happened
    """An engine proposes although time is over."""


class _TimedFront(SearchFront):
    """A front that stops engines which do not look at the clock.

    Arguments:
        question: What is asked.
        progress: Told of each candidate that enters.
        clock: The time allowed.
    """

    def __init__(self, question: Question, progress: Progress | None, clock: Clock) -> None:
        super().__init__(question, progress)
        self._clock = clock
        self._grace = _GRACE + _GRACE_SHARE * clock.left

    def propose(
        self, expression: Expression, source: str, *, refit: bool = True
    ) -> Candidate | None:
        """As ever, in time."""
        if self._clock.left < -self._grace:
            raise _Late
        return super().propose(expression, source, refit=refit)

    def at_rest(self) -> SearchFront:
        """The same without clock and listener, to be sent from one process to another."""
        self._grace, self._heard = math.inf, None
        return self
