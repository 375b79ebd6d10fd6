"""The whole finishing stage: readings of replicas in, a Pareto front and one choice out."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Expression, simplify
from esr.finishing.elimination import elimination_path
from esr.finishing.front import Candidate, choose, pareto_front
from esr.finishing.snapping import snap_constants
from esr.problem import Problem

__all__ = ["FinishedFront", "finish_readings", "rounding_floor"]

_ROUNDING = 1e-7
_LARGEST_READING = 400
"""Nodes of a reading that is worth simplifying."""


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
    readings: Sequence[Expression], training: Problem, validation: Problem
) -> FinishedFront:
    """Eliminate, refit, snap, and choose.

    Every distinct reading is simplified and loses one term after another, constants refitted in
    float64; each equation on the way enters with fitted and with snapped constants.

    Arguments:
        readings: Equations of one output, as read from the most promising replicas, best first.
            Those too large to be worth the time, as before any pruning, are passed over, unless
            all are: then the first stands as it is.
        training: Data to fit constants to, with one target.
        validation: Data to judge by, with the same variables.
    Raises:
        DataError: If no reading gives a finite error on the validation data.
    """
    columns, target = _columns(training), training.targets[:, 0].double()
    floor = rounding_floor(target)
    candidates: list[Candidate] = []
    seen: set[str] = set()
    for reading in readings:
        if reading.complexity > _LARGEST_READING:
            continue
        simple = simplify(reading)
        form = f"{simple:.2g}"
        if form in seen:
            continue
        seen.add(form)
        for step in elimination_path(simple, columns, target):
            snapped = simplify(snap_constants(step.expression, columns, target, floor=floor))
            candidates += [
                _judge(expression, training, validation)
                for expression in dict.fromkeys((snapped, step.expression))
            ]
    if not candidates:  # nothing small enough: the best reading stands as it is
        candidates = [_judge(reading, training, validation) for reading in readings[:1]]
    front = pareto_front(candidates)
    return FinishedFront(tuple(front), choose(front, len(validation.targets), floor))


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
