"""Backward elimination: drop the terms that data do not need, refit the rest."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from esr.equations import ConstantFit, Expression, fit_constants
from esr.finishing.terms import removals

__all__ = ["Finished", "eliminate_terms", "elimination_path"]

_FULL_STEPS, _RANKING_STEPS = 30, 8
_WORTH_A_TRY, _WORTH_A_FIT = 4, 2

_Data = tuple[Mapping[str, Tensor], Tensor]


@dataclass(frozen=True)
class Finished:
    """An equation whose remaining terms each matter.

    Arguments:
        expression: With constants refitted.
        mean_squared_error: On the data it was fitted to.
    """

    expression: Expression
    mean_squared_error: float


def eliminate_terms(
    expression: Expression,
    inputs: Mapping[str, Tensor],
    target: Tensor,
    *,
    tolerance: float = 0.01,
    max_complexity: int = 100,
) -> Finished | None:
    r"""Backward elimination: while one term of a sum can go, drop the one that hurts least.

    After each removal all constants are refitted. A removal is allowed while

    .. math:: \mathrm{mse} \le \mathrm{mse}_{full} + (\mathrm{tolerance}\cdot\mathrm{sd}(y))^2

    Arguments:
        expression: Where to start; sums anywhere in it, also inside functions, lose terms.
        inputs: Value of each variable, shape `(N,)`.
        target: y, shape `(N,)`.
        tolerance: Smallest effect, in units of the target's standard deviation, that a term
            must have to stay; at least 0.
        max_complexity: Larger expressions are not worth the time.
    Returns:
        The finished equation, or None if it is too large or does not fit finitely.
    """
    if expression.complexity > max_complexity:
        return None
    fit = fit_constants(expression, inputs, target, steps=_FULL_STEPS)
    if not math.isfinite(fit.mse):
        return None
    limit = fit.mse + (tolerance * float(target.std())) ** 2
    while (shorter := _best_shorter(fit, (inputs, target), limit)) is not None:
        fit = shorter
    fit = fit_constants(fit.expression, inputs, target)
    return Finished(fit.expression, fit.mse)


def elimination_path(
    expression: Expression,
    inputs: Mapping[str, Tensor],
    target: Tensor,
    *,
    max_complexity: int = 100,
    seconds: float = math.inf,
) -> list[Finished]:
    """The whole backward elimination, from the fitted expression to a single term.

    Arguments:
        expression: Where to start.
        inputs: Value of each variable, shape `(N,)`.
        target: y, shape `(N,)`.
        max_complexity: Larger expressions are not worth the time.
        seconds: No further term is taken away once they are over.
    Returns:
        One equation for each number of terms; empty if the first is too large or not finite.
    """
    if expression.complexity > max_complexity:
        return []
    fit: ConstantFit | None = fit_constants(expression, inputs, target)
    path: list[Finished] = []
    deadline = time.monotonic() + seconds
    while fit is not None and math.isfinite(fit.mse):
        path.append(Finished(fit.expression, fit.mse))
        if time.monotonic() > deadline:
            break
        fit = _best_shorter(fit, (inputs, target), math.inf)
        if fit is not None:
            fit = fit_constants(fit.expression, inputs, target)
    return path


def _best_shorter(fit: ConstantFit, data: _Data, limit: float) -> ConstantFit | None:
    """The best fit within the limit that lacks one term, or None.

    The linear model ranks the removals whose cost it can tell, a few steps of a fit rank the
    cheapest of them and all others; only the best of those are worth a full fit.
    """
    constants, errors = fit.expression.constants, fit.standard_errors
    told: list[tuple[float, Expression]] = []
    worth: list[Expression] = []
    for removal in removals(fit.expression):
        cost = removal.cost(constants, errors)
        if cost is None:
            worth.append(removal.expression)
        else:
            told.append((cost, removal.expression))
    told.sort(key=lambda pair: pair[0])
    worth += [expression for _, expression in told[:_WORTH_A_TRY]]
    ranked = sorted(
        (fit_constants(shorter, *data, steps=_RANKING_STEPS) for shorter in worth),
        key=lambda trial: trial.mse,
    )
    for trial in ranked[:_WORTH_A_FIT]:
        if trial.mse <= limit:
            return trial
        full = fit_constants(trial.expression, *data, steps=_FULL_STEPS)
        if full.mse <= limit:
            return full
    return None
