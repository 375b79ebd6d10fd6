"""What may be done to a target before its equation is looked for, and how it is undone."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Call, Expression, Primitive, Variable
from esr.equations.standard import SQRT
from esr.search.question import Question

__all__ = ["Transform", "peelings", "transforms"]

_LARGEST_EXPONENT = 20.0
"""Largest size of a target whose exponential is looked at."""
_ZERO = 1e-9
"""Share of the largest value below which a value is too small to divide by."""


@dataclass(frozen=True)
class Transform:
    """A function of the target.

    Arguments:
        values: The transformed target, `(N,)`.
        slopes: Size of its derivative by the target, `(N,)`.
        undo: The equation of the target from that of the transformed target.
    """

    values: Tensor
    slopes: Tensor
    undo: Callable[[Expression], Expression]


def transforms(question: Question) -> list[Transform]:
    """The target, then those functions of it that exist on the rows and can be undone.

    They are its inverse and square, then its root, exponential, sine, cosine and tangent.

    Arguments:
        question: Its training rows and primitives count.
    """
    y, allowed = question.training.target, question.primitives
    size, none = y.abs(), torch.ones_like(y)
    sign = 1.0 if bool((y >= 0).all()) else -1.0 if bool((y <= 0).all()) else 0.0
    found = [Transform(y, none, _itself)]
    if _divides(y):
        found.append(Transform(1 / y, 1 / y.square(), _inverse))
    if sign and SQRT.name in allowed:
        found.append(Transform(y.square(), 2 * size, _Function(SQRT, sign)))
    if sign and _divides(y):
        found.append(Transform(size.sqrt(), 0.5 / size.sqrt(), _Squared(sign)))
    if "log" in allowed and float(size.max()) < _LARGEST_EXPONENT:
        values = torch.exp(y)
        found.append(Transform(values, values, _Function(allowed["log"])))
    quarter = math.pi / 2
    waves = (
        ("asin", -quarter, quarter, torch.sin, torch.cos),
        ("acos", 0.0, math.pi, torch.cos, torch.sin),
        ("atan", -quarter, quarter, torch.tan, lambda v: torch.cos(v) ** -2),
    )
    for name, low, high, function, slope in waves:
        if name in allowed and bool(((y >= low) & (y <= high)).all()):
            undo = _Function(allowed[name])
            found.append(Transform(function(y), slope(y).abs(), undo))
    return found


def peelings(question: Question) -> list[Transform]:
    """The target over each variable and times each variable, where it is never 0.

    Arguments:
        question: Its training rows count.
    """
    y, found = question.training.target, []
    for name, values in question.training.columns.items():
        if _divides(values):
            size = values.abs()
            found.append(Transform(y / values, 1 / size, _Times(Variable(name))))
            found.append(Transform(y * values, size, _Over(Variable(name))))
    return found


@dataclass(frozen=True)
class _Function:
    primitive: Primitive
    sign: float = 1.0

    def __call__(self, equation: Expression) -> Expression:
        called = Call(self.primitive, (equation,))
        return called if self.sign > 0 else -called


@dataclass(frozen=True)
class _Squared:
    sign: float

    def __call__(self, equation: Expression) -> Expression:
        return equation**2 if self.sign > 0 else -(equation**2)


@dataclass(frozen=True)
class _Times:
    factor: Expression

    def __call__(self, equation: Expression) -> Expression:
        return self.factor * equation


@dataclass(frozen=True)
class _Over:
    divisor: Expression

    def __call__(self, equation: Expression) -> Expression:
        return equation / self.divisor


def _itself(equation: Expression) -> Expression:
    return equation


def _inverse(equation: Expression) -> Expression:
    return 1 / equation


def _divides(values: Tensor) -> bool:
    """Whether no value is 0, or nearly."""
    size = values.abs()
    return bool((size > _ZERO * size.max()).all())
