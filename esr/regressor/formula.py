"""A given formula: the values of its named constants, and how well rows determine them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.equations import STANDARD, Expression, LeastSquares, PrimitiveSet
from esr.equations.constants import standard_errors
from esr.errors import ConfigurationError, DataError, suggestion
from esr.finishing import MACHINE_PRECISION
from esr.regressor.many_rows import Condensed, chunks
from esr.regressor.named_constants import NamedConstants
from esr.regressor.sampling import draw_sample
from esr.regressor.starts import promising_starts
from esr.search import Clock, Rows

__all__ = ["FormulaFit", "fit_formula"]

_LOOKED_AT = 400
"""Rows that starts are compared on."""
_TRIED, _FINISHED = 4000, 12
"""Starts that are compared, and how many of them are fitted."""
_AS_GOOD = 1e-6


@dataclass(frozen=True)
class FormulaFit:
    """A formula with its constants fitted.

    Arguments:
        expression: The formula with numbers for its constants.
        values: The constants by name.
        standard_errors: Theirs, infinite for one that the rows do not determine.
        mse: Weighted mean of the squared residuals.
        converged: Whether the fit ended at a minimum.
    """

    expression: Expression
    values: Mapping[str, float]
    standard_errors: Mapping[str, float]
    mse: float
    converged: bool

    def __repr__(self) -> str:
        """The constants with their standard errors, one a line."""
        lines = [
            f"{name} = {value:.6g} +- {self.standard_errors[name]:.2g}"
            for name, value in self.values.items()
        ]
        return "\n".join([f"{self.expression:.4g}", *lines, f"mse = {self.mse:.3g}"])


def fit_formula(
    formula: str,
    rows: Rows,
    *,
    starts: Mapping[str, float] | None = None,
    primitives: PrimitiveSet = STANDARD,
    generator: Generator | None = None,
) -> FormulaFit:
    r"""Fit the named constants of a formula by least squares, from many points at once.

    .. math:: \min_c \sum_n w_n (f(x_n; c) - y_n)^2

    Names in the formula that are no variables are its constants; one that occurs several times
    has one value. Numbers stay as they are. Constants are drawn over many orders of magnitude,
    those that enter linearly solved for, and the best draws fitted by Levenberg-Marquardt.

    Arguments:
        formula: For instance `a*sin(b*x) + c`.
        rows: What to fit to.
        starts: Values to begin with as well, by name.
        primitives: Functions that the formula may call.
        generator: Feeds the draws; torch's default generator unless given.
    Raises:
        ParseError: If the text is not a formula.
        ConfigurationError: If it has no named constant, or a start is for none.
        DataError: If it is finite on all rows for none of the draws.
    """
    expression = _parsed(formula, primitives, rows.variables)
    names = NamedConstants(expression, rows).names
    own = _own_start(formula, names, starts or {}, rows)
    some = NamedConstants(expression, _some(rows, generator))
    points = torch.cat((own, promising_starts(some, _TRIED, _FINISHED, generator=generator)))
    result = some.fit(points)
    best = _plainest(result, MACHINE_PRECISION * float(rows.target.square().mean()))
    everything = Condensed([NamedConstants(expression, part) for part in chunks(rows)])
    last = everything.fit(result.parameters[best : best + 1], Clock())
    squares = float(last.loss)
    if not math.isfinite(squares):
        raise DataError(
            f"the formula '{formula}' is not finite on all rows for any values of its constants "
            "that were tried; give starts"
        )
    slopes = everything.linearised(last.parameters)[1]
    errors = standard_errors(slopes[0], last.loss[0], len(rows.target) - len(names))
    values = dict(zip(names, last.parameters[0].tolist(), strict=True))
    return FormulaFit(
        expression.substitute(values),
        values,
        dict(zip(names, errors.tolist(), strict=True)),
        squares / float(rows.weights.sum()),
        bool(last.converged.all()),
    )


def _own_start(
    formula: str, names: Sequence[str], starts: Mapping[str, float], rows: Rows
) -> Tensor:
    """The start that was given `(1, C)`, with 1 for constants without.

    Raises:
        ConfigurationError: If there are no constants, or a start is for none.
    """
    if not names:
        raise ConfigurationError(
            f"the formula '{formula}' has no named constant: the variables are "
            f"{', '.join(rows.variables)}, and pi and e are numbers"
        )
    for name in starts:
        if name not in names:
            raise ConfigurationError(
                f"starts has {name!r}, which is no constant of the formula; "
                f"{suggestion(name, names)}"
            )
    return rows.target.new_tensor([[starts.get(name, 1.0) for name in names]])


def _some(rows: Rows, generator: Generator | None) -> Rows:
    """Rows to compare starts on."""
    if len(rows.target) <= _LOOKED_AT:
        return rows
    sample = draw_sample(rows.target, _LOOKED_AT, 0.5, generator=generator)
    return rows.taken(torch.cat((sample.training, sample.validation)))


def _parsed(formula: str, primitives: PrimitiveSet, variables: tuple[str, ...]) -> Expression:
    """The formula; names stand for themselves, `pi` and `e` too if they are variables."""
    found = Expression.parse(formula, primitives).variables
    return Expression.parse(formula, primitives, sorted({*found, *variables}))


def _plainest(result: LeastSquares, rounding: float) -> int:
    """The index of the best fit; of fits as good, one with few minus signs and small numbers."""
    limit = float(result.loss.min()) * (1 + _AS_GOOD) + rounding
    minus = (result.parameters < 0).sum(1)
    sizes = result.parameters.square().sum(1)
    good = [index for index, loss in enumerate(result.loss.tolist()) if loss <= limit]
    return min(good, key=lambda index: (int(minus[index]), float(sizes[index])))
