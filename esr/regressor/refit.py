"""Constants fitted once more, to all rows, however many there are."""

import math

import torch
from torch import Tensor

from esr.equations import Expression, fit_constants, levenberg_marquardt
from esr.equations.constants import standard_errors
from esr.equations.evaluation import Evaluator, fixed_constants
from esr.search import Clock, Rows

__all__ = ["mean_squared_error", "refitted"]

CHUNK = 1 << 16
"""Rows that are worked on at a time."""
_STEPS, _STEPS_AT_A_TIME = 30, 3
_NEARLY_THERE = 1e-6  # first damping of a fit of many rows, which starts at the fit of a sample
_FEW_DIGITS = 3
_DEVIATIONS = 2.0
"""Standard errors that a rounded constant may be off its fit and stay."""


@torch.no_grad()
def mean_squared_error(expression: Expression, rows: Rows) -> float:
    """Weighted mean of squared residuals; infinite where one is not a number.

    Arguments:
        expression: In the rows' variables.
        rows: Any number, at least one.
    """
    total = rows.target.new_zeros(())
    for part in _chunks(rows):
        residuals = expression.evaluate(part.columns) - part.target
        total = total + (part.weights * residuals.square()).sum()
    return float((total / rows.weights.sum()).nan_to_num(nan=math.inf))


def refitted(
    expression: Expression, rows: Rows, rounding: float, observations: int, clock: Clock
) -> tuple[Expression, tuple[float, ...]]:
    """An equation with its constants fitted to all rows.

    A constant of at most three digits, which a search has rounded, stays as it is unless it is
    off its fit by more than two standard errors; the others are fitted around it. An equation
    that already misses the rows by rounding alone stays as it is.

    Arguments:
        expression: In the rows' variables, its constants near their best values.
        rows: All rows.
        rounding: Mean squared error that rounding alone may leave.
        observations: How many rows these were before equal ones were merged; standard errors
            count them.
        clock: No step of a fit of many rows is begun when it has expired.
    Returns:
        The equation and standard errors, one for each constant, of the fit of all of them.
    """
    free, errors = _fit(expression, rows, [False] * len(expression.constants), clock)
    count, merged = sum(error > 0 for error in errors), len(rows.target)
    if merged > count:
        ratio = math.sqrt((merged - count) / (observations - count))
        errors = tuple(ratio * error for error in errors)
    before = mean_squared_error(expression, rows)
    if before <= rounding or not mean_squared_error(free, rows) <= before:
        return expression, errors
    pairs = zip(expression.constants, free.constants, errors, strict=True)
    keep = [_is_round(old) and abs(new - old) <= _DEVIATIONS * error for old, new, error in pairs]
    if not any(keep):
        return free, errors
    around, _ = _fit(expression, rows, keep, clock)
    return (around if mean_squared_error(around, rows) <= before else expression), errors


def _fit(
    expression: Expression, rows: Rows, keep: list[bool], clock: Clock
) -> tuple[Expression, tuple[float, ...]]:
    """The fitted expression and its standard errors."""
    if len(rows.target) > CHUNK:
        return _fit_many(expression, rows, keep, clock)
    fit = fit_constants(expression, rows.columns, rows.target, weights=rows.weights, keep=keep)
    return fit.expression, fit.standard_errors


def _fit_many(
    expression: Expression, rows: Rows, keep: list[bool], clock: Clock
) -> tuple[Expression, tuple[float, ...]]:
    """As `fit_constants`, a few rows at a time."""
    fixed = fixed_constants(expression, all_exponents=True)
    held = [a or b for a, b in zip(fixed, keep, strict=True)]
    problem = _Condensed(expression, rows, held)
    parameters = problem.start()
    for _ in range(0, _STEPS, _STEPS_AT_A_TIME):
        if clock.expired or parameters.shape[1] == 0:
            break
        result = levenberg_marquardt(
            problem.residuals,
            parameters,
            steps=_STEPS_AT_A_TIME,
            damping=_NEARLY_THERE,
            linearise=problem.linearised,
        )
        parameters = result.parameters
        if bool(result.converged.all()):
            break
    residuals, slopes = problem.linearised(parameters)
    freedom = len(rows.target) - parameters.shape[1]
    errors = iter(standard_errors(slopes[0], residuals[0].square().sum(), freedom).tolist())
    values = iter(parameters[0].tolist())
    constants = [
        value if is_held else next(values)
        for value, is_held in zip(expression.constants, held, strict=True)
    ]
    return expression.with_constants(constants), tuple(
        0.0 if is_held else next(errors) for is_held in held
    )


class _Condensed:
    r"""Residuals of many rows, turned so that few are left.

    .. math:: [J\; r] = Q R, \quad Q^T Q = 1

    R has as many rows as columns, and the same sums of squares and products as [J r], so that
    least squares cannot tell them apart. It is found chunk by chunk.

    Arguments:
        expression: The equation.
        rows: All rows.
        held: Which constants stay.
    """

    def __init__(self, expression: Expression, rows: Rows, held: list[bool]) -> None:
        self._expression, self._rows, self._held = expression, rows, held
        self._evaluator = Evaluator(expression, rows.variables)

    def start(self) -> Tensor:
        """The free constants `(1, C)`."""
        pairs = zip(self._expression.constants, self._held, strict=True)
        return self._rows.target.new_tensor([[value for value, held in pairs if not held]])

    def residuals(self, parameters: Tensor) -> Tensor:
        """One number `(1, 1)` whose square is the sum of squares."""
        squares = parameters.new_zeros(())
        for part in _chunks(self._rows):
            value = self._evaluator(part.inputs.unbind(1), self._constants(parameters))
            squares = squares + (part.weights * (value - part.target).square()).sum()
        return squares.sqrt().expand(1, 1)

    def linearised(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals `(1, C + 1)` and their derivatives `(1, C + 1, C)`."""
        count = parameters.shape[1]
        factor = parameters.new_zeros(0, count + 1)
        free = [not held for held in self._held]
        for part in _chunks(self._rows):
            value, slopes = self._evaluator.with_slopes(
                part.inputs.unbind(1), self._constants(parameters), free
            )
            columns = parameters.new_empty(count + 1, len(part.target))
            for place, slope in enumerate(slopes):
                columns[place] = slope
            columns[count] = value - part.target
            columns *= part.weights.sqrt()
            factor = torch.linalg.qr(torch.cat((factor, columns.mT)), mode="r").R
        return factor[None, :, count], factor[None, :, :count]

    def _constants(self, parameters: Tensor) -> list[Tensor]:
        """One tensor `()` for each constant."""
        free = iter(parameters[0].unbind(0))
        return [
            parameters.new_tensor(value) if held else next(free)
            for value, held in zip(self._expression.constants, self._held, strict=True)
        ]


def _chunks(rows: Rows) -> list[Rows]:
    """The rows, a few at a time, as views."""
    return [
        Rows(rows.inputs[part], rows.target[part], rows.weights[part], rows.variables)
        for part in (slice(first, first + CHUNK) for first in range(0, len(rows.target), CHUNK))
    ]


def _is_round(value: float) -> bool:
    """Whether a constant has few digits, as after rounding."""
    return float(f"{value:.{_FEW_DIGITS}g}") == value
