"""Replacing fitted constants by simple ones where the data allow it."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from esr.equations import Expression, fit_constants

__all__ = ["simple_values", "snap_constants"]

_FAMILIES = (1.0, math.pi, 1 / math.e, math.e)
_DENOMINATORS = (1, 2, 3, 4, 5, 10)
_NEAR = 0.02


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
    values = list(expression.constants)
    fixed = [False] * len(values)
    error = max(_error(expression, inputs, target), floor)
    order = sorted(range(len(values)), key=lambda i: _distance(values[i]))
    for place in order:
        for simple in simple_values(values[place]):
            trial = list(values)
            trial[place] = simple
            fixed[place] = True
            trial, mse = _refit(expression, trial, fixed, inputs, target)
            growth = len(target) / 2 * math.log(max(mse, floor) / error)
            if growth < price:
                values = trial
                break
            fixed[place] = False
    return expression.with_constants(values)


def _distance(value: float) -> float:
    """How far the nearest simple value is, relative to the value."""
    distances = [abs(s - value) / abs(value) for s in simple_values(value)]
    return min(distances, default=math.inf)


def _refit(
    expression: Expression,
    values: Sequence[float],
    fixed: Sequence[bool],
    inputs: Mapping[str, Tensor],
    target: Tensor,
) -> tuple[list[float], float]:
    """Constants with the free ones fitted, and the mean squared error."""
    fit = fit_constants(
        expression.with_constants(values), inputs, target, steps=20, keep=list(fixed)
    )
    return list(fit.expression.constants), fit.mse


def _error(expression: Expression, inputs: Mapping[str, Tensor], target: Tensor) -> float:
    error = float((expression.evaluate(inputs) - target).square().mean())
    return error if math.isfinite(error) else math.inf
