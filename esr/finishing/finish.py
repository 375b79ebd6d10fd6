"""The whole finishing stage: readings of replicas in, a Pareto front and one choice out."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import (
    Expression,
    Primitive,
    double_angles,
    folded_exponents,
    reduced_phases,
    simplify,
)
from esr.finishing.elimination import elimination_path
from esr.finishing.exchange import exchange_functions
from esr.finishing.front import (
    MACHINE_PRECISION,
    Candidate,
    choose,
    description_length,
    pareto_front,
)
from esr.finishing.selection import are_undecided, select_blocks
from esr.finishing.snapping import snap_constants
from esr.problem import Problem

__all__ = ["FinishedFront", "finish_readings", "is_exact", "rounding_floor"]

_ROUNDING = 1e-7
_LARGEST_READING = 400
"""Nodes of a reading that is worth simplifying."""
_FEW_SAMPLES = 32
"""Number of samples up to which equations are built up before any is cut down."""
_BESIDE_THE_FRONT = 5
"""Candidates off the front whose constants are worth snapping."""
_READING_SHARE = 0.7
"""Share of the time after which no further equation is begun, and constants are snapped."""


@dataclass(frozen=True)
class FinishedFront:
    """What finishing found.

    Arguments:
        front: The Pareto front of complexity against validation error, simplest first.
        best: The one with the shortest description.
    """

    front: tuple[Candidate, ...]
    best: Candidate


def finish_readings(
    readings: Sequence[Expression],
    training: Problem,
    validation: Problem,
    functions: Sequence[Primitive] = (),
    *,
    seconds: float = math.inf,
) -> FinishedFront:
    """Exchange functions, eliminate terms, refit, snap, and choose.

    Every distinct reading, and its best neighbours by exchange of a function, is simplified and
    loses one term after another, constants refitted in float64. What is near the front of
    complexity against error also enters with snapped constants.

    Of at most 32 samples, sums of the readings' building blocks are built up first, as
    `select_blocks` says. If one is exact, or every reading has more constants than the samples
    can decide (`are_undecided`), nothing is taken away from any reading.

    Arguments:
        readings: Equations of one output, as read from the most promising replicas, best first.
            Those too large to be worth the time, as before any pruning, are passed over, unless
            all are: then the first stands as it is. For their blocks size is no matter.
        training: Data to fit constants to, with one target.
        validation: Data to judge by, with the same variables.
        functions: Primitives of one argument that may be exchanged for each other.
        seconds: Nothing new is begun once they are over, but for one equation. Nor is another
            reading once one has led to an equation that `is_exact`.
    Raises:
        DataError: If no reading gives a finite error on the validation data.
    """
    columns, target = _columns(training), training.targets[:, 0].double()
    floor = rounding_floor(target)
    began, candidates = time.monotonic(), list[Candidate]()

    def left(share: float) -> float:
        return began + share * seconds - time.monotonic()

    settled = False
    if len(target) <= _FEW_SAMPLES:
        sums = select_blocks(readings, columns, target, seconds=left(_READING_SHARE))
        candidates = [_judge(found, training, validation) for found in sums]
        exact = any(is_exact(candidate, training) for candidate in candidates)
        settled = exact or are_undecided(readings, len(target))
    for reading in () if settled else _distinct(readings):
        for form in _forms(reading, columns, target, functions, left(_READING_SHARE)):
            path = elimination_path(form, columns, target, seconds=left(_READING_SHARE))
            candidates += [_judge(step.expression, training, validation) for step in path]
        exact = any(is_exact(candidate, training) for candidate in candidates)
        if exact or (candidates and left(_READING_SHARE) < 0):
            break
    samples = len(validation.targets)
    promising = _promising(candidates, samples, floor)
    for candidate in promising[:1] if settled else promising:
        snapped = snap_constants(candidate.expression, columns, target, floor=floor)
        candidates.append(_judge(_at_rest(snapped), training, validation))
        if left(1.0) < 0:
            break
    if not candidates:  # nothing small enough: the best reading stands as it is
        candidates = [_judge(reading, training, validation) for reading in readings[:1]]
    front = pareto_front(candidates)
    return FinishedFront(tuple(front), choose(front, samples, floor))


def _distinct(readings: Sequence[Expression]) -> Iterator[Expression]:
    """Readings worth the time, not multiplied out, each like none before it to two digits."""
    seen: set[str] = set()
    for reading in readings:
        if reading.complexity <= _LARGEST_READING:
            compact = simplify(reading, expand=False)
            text = f"{compact:.2g}"
            if text not in seen:
                seen.add(text)
                yield compact


def _forms(
    reading: Expression,
    columns: Mapping[str, Tensor],
    target: Tensor,
    functions: Sequence[Primitive],
    seconds: float,
) -> list[Expression]:
    """What is to lose its terms: a reading and its neighbours, multiplied out, waves as sums."""
    forms: dict[str, Expression] = {}
    neighbours = exchange_functions(reading, columns, target, functions, seconds=seconds)
    for equation in (reading, *neighbours):
        simple = simplify(equation)
        for form in (simple, simplify(double_angles(simple))):
            forms.setdefault(f"{form:.2g}", form)
    return list(forms.values())


def _at_rest(expression: Expression) -> Expression:
    """Simplified, with phases at rest, and what is added in an exponent merged with a factor."""
    simple = simplify(reduced_phases(expression))
    folded = folded_exponents(simple)
    return simple if folded == simple else min(simple, simplify(folded), key=_complexity)


def _complexity(expression: Expression) -> int:
    return expression.complexity


def _promising(candidates: Sequence[Candidate], samples: int, floor: float) -> list[Candidate]:
    """The shortest descriptions, and then the rest of the front."""
    front = pareto_front(candidates)
    short = sorted(candidates, key=lambda c: description_length(c, samples, floor))
    return list(dict.fromkeys([*short[:_BESIDE_THE_FRONT], *front]))


def is_exact(candidate: Candidate, training: Problem) -> bool:
    """Whether an equation misses the data it was fitted to by the rounding of float64 alone.

    Equations that merely look alike do not get there, and data with noise have no such equation.
    """
    size = float(training.targets.double().square().mean())
    return candidate.training_error <= MACHINE_PRECISION * size


def rounding_floor(target: Tensor) -> float:
    """The mean squared error below which differences are rounding, for targets `(N,)`."""
    return float((_ROUNDING * target.std()).square()) + 1e-300


def _judge(expression: Expression, training: Problem, validation: Problem) -> Candidate:
    errors = []
    for problem in (training, validation):
        residuals = expression.evaluate(_columns(problem)) - problem.targets[:, 0].double()
        errors.append(float(residuals.square().mean().nan_to_num(nan=torch.inf)))
    return Candidate(expression, *errors)


def _columns(problem: Problem) -> dict[str, Tensor]:
    return dict(zip(problem.variables, problem.inputs.double().unbind(1), strict=True))
