"""Replacing fitted constants by simple ones where the data allow it."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from esr.equations import ConstantFit, Expression, fit_constants

__all__ = ["simple_values", "snap_constants"]

_FAMILIES = (1.0, math.pi, 1 / math.e, math.e)
_DENOMINATORS = (1, 2, 3, 4, 5, 10)
_NEAR = 0.02
_LEEWAY = 10.0
"""How far the linear model may err before a simple value is not worth a fit."""


def simple_values(value: float) -> list[float]:
    """Simple numbers within 2% of a value, simplest first: whole numbers and fractions with
    denominators up to 10, plain or times pi, e or 1/e."""
    found: list[float] = []
    for family in _FAMILIES:
        for denominator in _DENOMINATORS:
            numerator = round(value / family * denominator)
            candidate = numerator * family / denominator
            near = abs(candidate - value) <= _NEAR * abs(value)
            if numerator != 0 and near and candidate not in found:
                found.append(candidate)
    return found


def snap_constants(
    expression: Expression,
    inputs: Mapping[str, Tensor],
    target: Tensor,
    *,
    floor: float,
    price: float = 8.0,
) -> Expression:
    r"""Fix constants at simple values, one after another, refitting those still free.

    A simple value is taken if the data's description grows by less than a free constant costs:

    .. math:: \tfrac N2 \ln\frac{\max(\mathrm{mse}', f)}{\max(\mathrm{mse}, f)} < \mathrm{price}

    Arguments:
        expression: With fitted constants.
        inputs: Value of each variable, `(N,)`.
        target: y, `(N,)`.
        floor: f, the mean squared error that is rounding; positive.
        price: Nats that a free constant costs.
    Returns:
        The same form with simple constants where the data allow them.
    """
    fit = fit_constants(expression, inputs, target)
    error = max(fit.mse, floor)
    allowed = error * math.exp(2 * price / len(target))
    keep = [False] * len(expression.constants)
    for place in sorted(range(len(keep)), key=lambda i: _distance(expression.constants[i])):
        for simple in simple_values(fit.expression.constants[place]):
            if _predicted(fit, place, simple, keep, len(target)) > _LEEWAY * allowed:
                continue
            values = list(fit.expression.constants)
            values[place] = simple
            held = [kept or index == place for index, kept in enumerate(keep)]
            trial = fit_constants(
                expression.with_constants(values), inputs, target, steps=20, keep=held
            )
            if trial.mse <= allowed:
                fit, keep = trial, held
                break
    return fit.expression


def _distance(value: float) -> float:
    """How far the nearest simple value is, relative to the value."""
    distances = [abs(s - value) / abs(value) for s in simple_values(value)]
    return min(distances, default=math.inf)


def _predicted(
    fit: ConstantFit, place: int, value: float, keep: Sequence[bool], samples: int
) -> float:
    """The mean squared error with one constant moved, by the linear model of the fit."""
    deviation = fit.standard_errors[place]
    if not deviation > 0:
        return fit.mse
    freedom = max(1, samples - keep.count(False))
    away = (value - fit.expression.constants[place]) / deviation
    return fit.mse * (1 + away**2 / freedom)
