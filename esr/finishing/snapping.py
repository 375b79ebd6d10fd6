"""Replacing fitted constants by simple ones where the data allow it."""

import math
from collections.abc import Mapping

from torch import Tensor

from esr.equations import ConstantFit, Expression, fit_constants
from esr.finishing.simple_numbers import simple_values

__all__ = ["snap_constants"]

_DEVIATIONS = 3.0
"""Standard errors within which a simple value is looked for."""
_LEEWAY = 10.0
"""How far, in ratio of errors, the linear model may err before a simple value is not worth a
fit."""
_STEPS, _TRIES = 20, 3
"""Steps of a fit around a simple value, and how many of them a constant may refuse."""


def snap_constants(
    expression: Expression,
    inputs: Mapping[str, Tensor],
    target: Tensor,
    *,
    floor: float,
    price: float = 8.0,
    weights: Tensor | None = None,
    only_fractions: bool = False,
) -> Expression:
    r"""Fix constants at simple values, refitting those still free, while that shortens.

    Fixing a constant saves nats:

    .. math:: \mathrm{price} - p(c) -
              \tfrac N2 \ln\frac{\max(\mathrm{mse}', f)}{\max(\mathrm{mse}, f)}

    with p(c) what the simple value costs (`simple_values`). The constant that promises most by
    the linear model of the fit is fixed first; within three standard errors of its fit, or 2%,
    any simple value may be taken.

    Arguments:
        expression: With fitted constants.
        inputs: Value of each variable, `(N,)`.
        target: y, `(N,)`.
        floor: f, the mean squared error that is rounding; positive.
        price: Nats that a free constant costs.
        weights: Importance of each row, `(N,)`; equal if `None`.
        only_fractions: Whether multiples of roots, pi and e do not count as simple.
    Returns:
        The same form with simple constants where the data allow them.
    """
    fit = fit_constants(expression, inputs, target, weights=weights)
    keep = [False] * len(expression.constants)
    refused: dict[int, set[float]] = {place: set() for place in range(len(keep))}
    while True:
        promises = _promises(fit, keep, floor, price, len(target), only_fractions)
        promises = [
            promise
            for promise in promises
            if promise[2] not in refused[promise[1]] and len(refused[promise[1]]) < _TRIES
        ]
        if not promises:
            return fit.expression
        _, place, simple = max(promises)
        values = list(fit.expression.constants)
        values[place] = simple
        held = [kept or index == place for index, kept in enumerate(keep)]
        trial = fit_constants(
            expression.with_constants(values),
            inputs,
            target,
            weights=weights,
            steps=_STEPS,
            keep=held,
        )
        cost = simple_values(simple)[simple]
        lost = len(target) / 2 * math.log(max(trial.mse, floor) / max(fit.mse, floor))
        if lost + cost < price:
            fit, keep = trial, held
        else:
            refused[place].add(simple)


def _promises(
    fit: ConstantFit,
    keep: list[bool],
    floor: float,
    price: float,
    samples: int,
    only_fractions: bool,
) -> list[tuple[float, int, float]]:
    """Nats that fixing saves by the linear model, the constant's place, and its simple value."""
    found = []
    freedom = max(1, samples - keep.count(False))
    for place, value in enumerate(fit.expression.constants):
        deviation = fit.standard_errors[place]
        if keep[place]:
            continue
        determined = 0 < deviation < math.inf
        within = _DEVIATIONS * deviation if determined else 0.0
        near = simple_values(value, within, only_fractions=only_fractions)
        for simple, cost in near.items():
            away = (simple - value) / deviation if determined else 0.0
            error = fit.mse * (1 + away**2 / freedom)
            lost = samples / 2 * math.log(max(error / _LEEWAY, floor) / max(fit.mse, floor))
            if lost + cost < price:
                exact = samples / 2 * math.log(max(error, floor) / max(fit.mse, floor))
                found.append((price - cost - exact, place, simple))
    return found
