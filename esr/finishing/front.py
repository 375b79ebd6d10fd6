"""The Pareto front of complexity against error, and the choice on it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from esr.equations import Expression
from esr.errors import DataError
from esr.finishing.simple_numbers import constant_price

__all__ = ["MACHINE_PRECISION", "Candidate", "choose", "description_length", "pareto_front"]

MACHINE_PRECISION = 1e-26
"""Share of the target's mean square that an exact equation may miss by rounding."""
_DIGITS = 7


@dataclass(frozen=True)
class Candidate:
    """An equation and how well it does.

    Arguments:
        expression: The equation.
        training_error: Mean squared error on the data it was fitted to.
        validation_error: Mean squared error on data it did not see.
    """

    expression: Expression
    training_error: float
    validation_error: float


def description_length(candidate: Candidate, samples: int, floor: float) -> float:
    r"""Length in nats of the data, given the equation, plus that of the equation.

    .. math:: \tfrac N2 \ln\max(\mathrm{mse}, \mathrm{floor}) + C \ln S

    with C the number of nodes and S = 20 the size of the alphabet a node is taken from; a
    constant counts as its `constant_price` in at most seven digits.

    Arguments:
        candidate: The equation; its validation error counts.
        samples: N, the number of validation samples.
        floor: Errors below it are rounding and all the same; positive.
    """
    if not math.isfinite(candidate.validation_error):
        return math.inf
    misfit = samples / 2 * math.log(max(candidate.validation_error, floor))
    constants = sum(constant_price(value, _DIGITS) for value in candidate.expression.constants)
    return misfit + candidate.expression.complexity * math.log(20) + constants


def pareto_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that no other beats in complexity and validation error, simplest first."""
    ordered = sorted(candidates, key=lambda c: (c.expression.complexity, c.validation_error))
    front: list[Candidate] = []
    for candidate in ordered:
        if math.isfinite(candidate.validation_error) and (
            not front or candidate.validation_error < front[-1].validation_error
        ):
            front.append(candidate)
    return front


def choose(candidates: Sequence[Candidate], samples: int, floor: float) -> Candidate:
    """The candidate with the shortest description.

    Arguments:
        candidates: At least one with a finite validation error.
        samples: Number of validation samples.
        floor: As in `description_length`.
    Raises:
        DataError: If none has a finite error.
    """
    best = min(candidates, key=lambda c: description_length(c, samples, floor), default=None)
    if best is None or not math.isfinite(best.validation_error):
        raise DataError("no candidate equation has a finite error on the validation data")
    return best
