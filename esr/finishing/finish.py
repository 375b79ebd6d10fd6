"""The whole finishing stage: readings of replicas in, a Pareto front and one choice out."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Expression, Primitive, double_angles, reduced_phases, simplify
from esr.finishing.elimination import elimination_path
from esr.finishing.exchange import exchange_functions
from esr.finishing.front import Candidate, choose, description_length, pareto_front
from esr.finishing.snapping import snap_constants
from esr.problem import Problem

__all__ = ["FinishedFront", "finish_readings", "is_exact", "rounding_floor"]

_ROUNDING = 1e-7
_MACHINE_PRECISION = 1e-26
_LARGEST_READING = 400
"""Nodes of a reading that is worth simplifying."""
_BESIDE_THE_FRONT = 5
"""Candidates off the front whose constants are worth snapping."""


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

    Arguments:
        readings: Equations of one output, as read from the most promising replicas, best first.
            Those too large to be worth the time, as before any pruning, are passed over, unless
            all are: then the first stands as it is.
        training: Data to fit constants to, with one target.
        validation: Data to judge by, with the same variables.
        functions: Primitives of one argument that may be exchanged for each other.
        seconds: Readings are taken up only until then, at least one; nor are any once one has
            led to an equation that `is_exact`.
    Raises:
        DataError: If no reading gives a finite error on the validation data.
    """
    columns, target = _columns(training), training.targets[:, 0].double()
    floor = rounding_floor(target)
    candidates: list[Candidate] = []
    began = time.monotonic()
    for forms in _forms(readings, columns, target, functions):
        for form in forms:
            path = elimination_path(form, columns, target)
            candidates += [_judge(step.expression, training, validation) for step in path]
        if candidates and time.monotonic() - began > seconds:
            break
        if any(is_exact(candidate, training) for candidate in candidates):
            break
    samples = len(validation.targets)
    for candidate in _promising(candidates, samples, floor):
        snapped = snap_constants(candidate.expression, columns, target, floor=floor)
        candidates.append(_judge(simplify(reduced_phases(snapped)), training, validation))
    if not candidates:  # nothing small enough: the best reading stands as it is
        candidates = [_judge(reading, training, validation) for reading in readings[:1]]
    front = pareto_front(candidates)
    return FinishedFront(tuple(front), choose(front, samples, floor))


def _forms(
    readings: Sequence[Expression],
    columns: Mapping[str, Tensor],
    target: Tensor,
    functions: Sequence[Primitive],
) -> Iterator[list[Expression]]:
    """For each reading the distinct expressions that are to lose their terms."""
    taken: set[str] = set()
    seen: set[str] = set()
    for reading in readings:
        if reading.complexity > _LARGEST_READING:
            continue
        compact = simplify(reading, expand=False)
        if not _is_new(compact, taken):
            continue
        forms: list[Expression] = []
        for equation in (compact, *exchange_functions(compact, columns, target, functions)):
            simple = simplify(equation)
            forms += [simple, simplify(double_angles(simple))]
        yield [form for form in forms if _is_new(form, seen)]


def _is_new(expression: Expression, seen: set[str]) -> bool:
    """Whether nothing like it, to two digits, was seen; it has been afterwards."""
    text = f"{expression:.2g}"
    is_new = text not in seen
    seen.add(text)
    return is_new


def _promising(candidates: Sequence[Candidate], samples: int, floor: float) -> list[Candidate]:
    """The front, and the shortest descriptions beside it."""
    front = pareto_front(candidates)
    short = sorted(candidates, key=lambda c: description_length(c, samples, floor))
    return list(dict.fromkeys([*front, *short[:_BESIDE_THE_FRONT]]))


def is_exact(candidate: Candidate, training: Problem) -> bool:
    """Whether an equation misses the data it was fitted to by the rounding of float64 alone.

    Equations that merely look alike do not get there, and data with noise have no such equation.
    """
    size = float(training.targets.double().square().mean())
    return candidate.training_error <= _MACHINE_PRECISION * size


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
