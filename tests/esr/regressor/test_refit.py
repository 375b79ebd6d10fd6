import math

import pytest
import torch
from torch import Generator

from esr.equations import Expression, fit_constants
from esr.regressor import many_rows
from esr.regressor.many_rows import mean_squared_error
from esr.regressor.refit import refitted
from esr.search import Clock, Rows

TEXT = "2.1*sin(1.4*x) + 0.9*x**2 + 1"


def rows(count: int, noise: float) -> Rows:
    generator = Generator().manual_seed(0)
    x = torch.rand(count, 1, generator=generator, dtype=torch.float64) * 4 - 2
    target = 2.123456 * torch.sin(1.5 * x[:, 0]) + x[:, 0].square() + 1
    target = target + noise * torch.randn(count, generator=generator, dtype=torch.float64)
    weights = torch.rand(count, generator=generator, dtype=torch.float64) + 0.5
    return Rows(x, target, weights / weights.mean(), ("x",))


def test_many_rows_are_fitted_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    data, expression = rows(1000, 0.1), Expression.parse("2.1111*sin(1.4444*x) + 0.9999*x**2")
    few, errors = refitted(expression, data, 0.0, 1000, Clock())
    direct = fit_constants(expression, data.columns, data.target, weights=data.weights)
    for module in (many_rows, __import__("esr.regressor.refit", fromlist=["CHUNK"])):
        monkeypatch.setattr(module, "CHUNK", 64)
    many, many_errors = refitted(expression, data, 0.0, 1000, Clock())
    # both stop where a step no longer changes a sum of squares of rounding 1e-14: 1e-7 of errors
    assert many.constants == pytest.approx(direct.expression.constants, rel=1e-7)
    assert few.constants == pytest.approx(direct.expression.constants, rel=1e-7)
    assert errors == pytest.approx(direct.standard_errors, rel=1e-6)
    assert many_errors == pytest.approx(direct.standard_errors, rel=1e-6)
    assert mean_squared_error(many, data) == pytest.approx(direct.mse, rel=1e-9)


def test_rounded_constants_stay_where_the_rows_allow_it() -> None:
    data = rows(2000, 0.05)
    fitted, errors = refitted(
        Expression.parse("2.1234*sin(1.5*x) + 1*x**2 + 3"), data, 0, 2000, Clock()
    )
    factor, frequency, one, exponent, offset = fitted.constants
    assert (frequency, one, exponent) == (1.5, 1.0, 2.0)  # what the truth has
    assert factor != 2.1234  # not rounded: goes to the least squares
    assert abs(factor - 2.123456) < 4 * errors[0]
    assert abs(offset - 1) < 4 * errors[4]  # rounded, but refuted
    assert errors[3] == 0
    assert all(0 < error < 0.02 for error in (errors[0], errors[1], errors[2], errors[4]))


def test_an_exact_equation_is_not_touched() -> None:
    data, truth = rows(50, 0.0), Expression.parse("2.123456*sin(1.5*x) + x**2 + 1")
    assert refitted(truth, data, 1e-25, 50, Clock())[0] == truth


def test_standard_errors_count_the_rows_before_merging() -> None:
    data, expression = (
        rows(100, 0.1),
        Expression.parse("2.1111*sin(1.4444*x) + 0.9999*x**2 + 1.111"),
    )
    once = refitted(expression, data, 0.0, 100, Clock())[1]
    thrice = refitted(expression, data, 0.0, 300, Clock())[1]
    ratio = math.sqrt((100 - 4) / (300 - 4))
    assert thrice == pytest.approx([ratio * error for error in once], rel=1e-12)
    tripled = Rows(
        *(torch.cat([part] * 3) for part in (data.inputs, data.target, data.weights)), ("x",)
    )
    direct = fit_constants(expression, tripled.columns, tripled.target, weights=tripled.weights)
    assert thrice == pytest.approx(direct.standard_errors, rel=1e-6)


def test_an_error_that_is_no_number_is_infinite() -> None:
    assert mean_squared_error(Expression.parse("log(x)"), rows(10, 0.0)) == math.inf
