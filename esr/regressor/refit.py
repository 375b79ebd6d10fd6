"""Constants fitted once more, to all rows, however many there are."""

import math

from esr.equations import Call, Constant, Expression, Variable, fit_constants, fold
from esr.equations.constants import standard_errors
from esr.equations.evaluation import fixed_constants
from esr.regressor.many_rows import CHUNK, Condensed, chunks, mean_squared_error
from esr.regressor.named_constants import NamedConstants
from esr.search import Clock, Rows

__all__ = ["refitted"]

_FEW_DIGITS = 3
_DEVIATIONS = 2.0
"""Standard errors that a rounded constant may be off its fit and stay."""


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
    values = expression.constants
    start = rows.target.new_tensor(
        [[v for v, is_held in zip(values, held, strict=True) if not is_held]]
    )
    if start.shape[1] == 0:
        return expression, (0.0,) * len(values)
    formula = _with_names(expression, held, rows.variables)
    problem = Condensed([NamedConstants(formula, part) for part in chunks(rows)])
    parameters = problem.fit(start, clock).parameters
    residuals, slopes = problem.linearised(parameters)
    freedom = len(rows.target) - parameters.shape[1]
    errors = iter(standard_errors(slopes[0], residuals.square().sum(), freedom).tolist())
    fitted = iter(parameters[0].tolist())
    constants = [
        value if is_held else next(fitted) for value, is_held in zip(values, held, strict=True)
    ]
    return expression.with_constants(constants), tuple(
        0.0 if is_held else next(errors) for is_held in held
    )


def _with_names(
    expression: Expression, held: list[bool], variables: tuple[str, ...]
) -> Expression:
    """The expression with a name for each constant that is not held, sorted as they occur."""
    stem = "c" + "_" * max(map(len, variables), default=0)
    states = iter(enumerate(held))

    def named(node: Expression, parts: tuple[Expression, ...]) -> Expression:
        if isinstance(node, Constant):
            place, is_held = next(states)
            return node if is_held else Variable(f"{stem}{place:06d}")
        return Call(node.primitive, parts) if isinstance(node, Call) else node

    return fold(expression, named)


def _is_round(value: float) -> bool:
    """Whether a constant has few digits, as after rounding."""
    return float(f"{value:.{_FEW_DIGITS}g}") == value
