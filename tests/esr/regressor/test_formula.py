import math

import pytest
import torch
from torch import Generator

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError, ParseError
from esr.regressor import fit_formula
from esr.regressor.named_constants import NamedConstants
from esr.regressor.starts import linear_constants
from esr.search import Rows


def rows(text: str, count: int = 80, low: float = -2.0, high: float = 2.0) -> Rows:
    truth = Expression.parse(text, variables=["x", "y"])
    inputs = torch.rand(count, 2, generator=Generator().manual_seed(0), dtype=torch.float64)
    inputs = low + (high - low) * inputs
    target = truth.evaluate({"x": inputs[:, 0], "y": inputs[:, 1]})
    return Rows.of(inputs, target, ["x", "y"])


@pytest.mark.parametrize(
    ("formula", "truth"),
    [
        ("a*sin(b*x) + c", {"a": 2.5, "b": 7.3, "c": -40.0}),
        ("a*exp(-b*x) + c*y", {"a": 0.02, "b": 2.5, "c": 300.0}),
        ("k/(1 + exp(-r*(x - m)))", {"k": 12.0, "r": 3.3, "m": 0.4}),
        ("a*cos(a*x) + b", {"a": 1.7, "b": 0.2}),
    ],
)
def test_constants_of_any_size_are_found_without_starts(
    formula: str, truth: dict[str, float]
) -> None:
    data = rows(str(Expression.parse(formula).substitute(truth)))
    found = fit_formula(formula, data, generator=Generator().manual_seed(0))
    # a fit to float64 rows ends with the relative error of a constant near 1e-8 at worst
    assert found.values == pytest.approx(truth, rel=1e-6)
    assert found.converged
    assert found.mse < 1e-14
    assert set(found.standard_errors) == set(truth)


def test_standard_errors_are_those_of_linear_regression() -> None:
    generator = Generator().manual_seed(1)
    data = rows("2*x - y", count=500)
    noisy = data.target + 0.3 * torch.randn(500, generator=generator, dtype=torch.float64)
    data = Rows.of(data.inputs, noisy, data.variables)
    found = fit_formula("a*x + b*y + c", data, generator=generator)
    design = torch.cat((data.inputs, torch.ones(500, 1, dtype=torch.float64)), 1)
    solution = torch.linalg.lstsq(design, noisy[:, None]).solution[:, 0]
    residual = noisy - design @ solution
    covariance = residual.square().sum() / 497 * torch.linalg.inv(design.mT @ design)
    assert list(found.values.values()) == pytest.approx(solution.tolist(), rel=1e-8)
    assert list(found.standard_errors.values()) == pytest.approx(
        covariance.diagonal().sqrt().tolist(), rel=1e-8
    )
    assert "a = 1.99529 +- 0.012" in repr(found)


def test_names_are_columns_first_and_e_and_pi_numbers_else() -> None:
    inputs = torch.linspace(1, 2, 20, dtype=torch.float64)[:, None]
    data = Rows.of(inputs, 3 * inputs[:, 0], ["e"])
    assert fit_formula("a*e", data).values == pytest.approx({"a": 3.0})
    with pytest.raises(ConfigurationError, match="no named constant: the variables are e, and pi"):
        fit_formula("e + pi", data)


def test_starts_that_are_given_are_used_and_checked() -> None:
    data = rows("sin(200*x)", low=-1, high=1)
    found = fit_formula("sin(b*x)", data, starts={"b": 200.05}, generator=Generator())
    assert found.values["b"] == pytest.approx(200, rel=1e-9)
    with pytest.raises(ConfigurationError, match=r"starts has 'bb', .* did you mean 'b'"):
        fit_formula("sin(b*x)", data, starts={"bb": 1.0})


def test_what_cannot_be_fitted_is_refused() -> None:
    data = rows("x + y")
    with pytest.raises(DataError, match="not finite on all rows for any values"):
        fit_formula("a*log(x - 5)", data)
    with pytest.raises(ParseError, match="function 'foo' is unknown"):
        fit_formula("a*foo(x)", data)


def test_undetermined_constants_have_infinite_errors() -> None:
    found = fit_formula("a*b*x + c*y", rows("2*x + y"), generator=Generator().manual_seed(0))
    assert found.values["a"] * found.values["b"] == pytest.approx(2)
    assert found.standard_errors["a"] == math.inf
    assert math.isfinite(found.standard_errors["c"])


def test_linear_constants_are_recognised_together() -> None:
    data = rows("x + y")
    formula = Expression.parse("a*b*x + c*exp(d*x) + f")
    named = NamedConstants(formula, data)
    assert named.names == ("a", "b", "c", "d", "f")
    found = linear_constants(named, generator=Generator().manual_seed(0))
    assert found.tolist() == [True, False, True, False, True]  # of a*b only one of the two


def test_derivatives_by_a_name_that_occurs_twice_are_added() -> None:
    data = rows("x + y", count=7)
    named = NamedConstants(Expression.parse("a*sin(a*x) + b"), data)
    point = torch.tensor([[0.7, -0.2]], dtype=torch.float64)
    slopes = named.linearised(point)[1][0]
    for constant in range(2):
        step = torch.zeros(1, 2, dtype=torch.float64)
        step[0, constant] = 1e-6
        change = (named.residuals(point + step) - named.residuals(point - step))[0] / 2e-6
        # central differences of step h have errors near h**2
        torch.testing.assert_close(slopes[:, constant], change, atol=1e-9, rtol=1e-8)
