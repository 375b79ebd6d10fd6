import math

import pytest
import torch

from esr.equations import fit_constants, parse
from esr.equations.evaluation import Evaluator
from esr.errors import DataError

X = torch.linspace(-3, 3, 60, dtype=torch.float64)


def noise(scale: float) -> torch.Tensor:
    return scale * torch.randn(60, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def test_a_sine_is_recovered() -> None:
    fit = fit_constants(parse("1*sin(1.4*x) + 0.1"), {"x": X}, 2.5 * torch.sin(1.7 * X) - 0.3)
    assert fit.converged
    assert fit.mse < 1e-25
    assert fit.expression.constants == pytest.approx((2.5, 1.7, -0.3), rel=1e-10)


def test_linear_fit_equals_the_textbook() -> None:
    target = 2 * X - 1 + noise(0.3)
    fit = fit_constants(parse("1*x + 1"), {"x": X, "unused": X}, target)
    design = torch.stack((X, torch.ones_like(X)), 1)
    exact = torch.linalg.lstsq(design, target[:, None]).solution[:, 0]
    residuals = target - design @ exact
    covariance = residuals.square().sum() / (60 - 2) * torch.linalg.inv(design.T @ design)
    assert fit.expression.constants == pytest.approx(exact.tolist(), rel=1e-10)
    assert fit.standard_errors == pytest.approx(covariance.diag().sqrt().tolist(), rel=1e-10)
    assert fit.mse == pytest.approx(residuals.square().mean().item(), rel=1e-10)


def test_weighted_fit_equals_the_textbook() -> None:
    weights = torch.linspace(0.0, 2.0, 60, dtype=torch.float64)
    target = 2 * X - 1 + noise(0.3)
    fit = fit_constants(parse("1*x + 1"), {"x": X}, target, weights=weights)
    design = torch.stack((X, torch.ones_like(X)), 1)
    normal = design.T @ (weights[:, None] * design)
    exact = torch.linalg.solve(normal, design.T @ (weights * target))
    squares = weights * (target - design @ exact).square()
    covariance = squares.sum() / (60 - 2) * torch.linalg.inv(normal)
    assert fit.expression.constants == pytest.approx(exact.tolist(), rel=1e-10)
    assert fit.standard_errors == pytest.approx(covariance.diag().sqrt().tolist(), rel=1e-10)
    assert fit.mse == pytest.approx((squares.sum() / weights.sum()).item(), rel=1e-10)


def test_exponents_are_kept_unless_asked_for() -> None:
    x = X + 4
    target = 3 * x**2.5
    kept = fit_constants(parse("2*x**1.5"), {"x": x}, target)
    assert kept.expression.constants[1] == 1.5
    assert kept.standard_errors[1] == 0
    fitted = fit_constants(parse("2*x**1.5"), {"x": x}, target, exponents=True)
    assert fitted.expression.constants == pytest.approx((3, 2.5), rel=1e-10)
    whole = fit_constants(parse("1*x**2"), {"x": X}, 3 * X**2, exponents=True)
    assert f"{whole.expression:.6g}" == "3*x**2"


def test_an_expression_without_constants_comes_back() -> None:
    fit = fit_constants(parse("x"), {"x": X}, X + 1)
    assert (fit.expression, fit.standard_errors, fit.converged) == (parse("x"), (), True)
    assert fit.mse == pytest.approx(1.0)


def test_a_constant_alone_becomes_the_mean() -> None:
    target = noise(1.0)
    fit = fit_constants(parse("3.0"), {"x": X}, target)
    assert fit.expression.constants[0] == pytest.approx(target.mean().item(), rel=1e-10)
    assert fit.standard_errors[0] == pytest.approx(target.std().item() / math.sqrt(60), rel=1e-10)


def test_redundant_constants_have_infinite_errors() -> None:
    fit = fit_constants(parse("2*x + 3*x + 1"), {"x": X}, 4 * X + noise(0.1))
    assert sum(fit.expression.constants[:2]) == pytest.approx(4, abs=0.05)
    assert fit.standard_errors[:2] == (math.inf, math.inf)
    assert fit.standard_errors[2] == pytest.approx(0.1 / math.sqrt(60), rel=0.3)


def test_undefined_values_are_reported() -> None:
    fit = fit_constants(parse("log(2*x)"), {"x": X}, X)
    assert (fit.mse, fit.converged, fit.standard_errors) == (math.inf, False, (math.inf,))
    assert fit.expression == parse("log(2*x)")


def test_single_precision_data_are_fitted_in_double() -> None:
    fit = fit_constants(parse("1*x + 1"), {"x": X.float()}, 2 * X.float() + 3)
    assert fit.expression.constants == pytest.approx((2, 3), rel=1e-6)


def test_wrong_data_are_refused() -> None:
    expression = parse("2*x")
    with pytest.raises(ValueError, match="variable 'x' of the expression has no value"):
        fit_constants(expression, {"y": X}, X)
    with pytest.raises(DataError, match=r"input 'x' must have the shape .*\(59,\), but has \(60,"):
        fit_constants(expression, {"x": X}, X[1:])
    with pytest.raises(DataError, match=r"target must have shape \(N,\) .* but has \(60, 1\)"):
        fit_constants(expression, {"x": X}, X[:, None])
    with pytest.raises(DataError, match="input 'x' has 60 values that are NaN or infinite"):
        fit_constants(expression, {"x": X * math.nan}, X)
    with pytest.raises(DataError, match="weights must not be negative"):
        fit_constants(expression, {"x": X}, X, weights=X)


def test_the_best_of_several_starts_is_kept() -> None:
    target = torch.sin(5 * X)
    stuck = fit_constants(parse("sin(1.5*x)"), {"x": X}, target)
    fit = fit_constants(parse("sin(1.5*x)"), {"x": X}, target, starts=[[4.7], [0.1]])
    assert stuck.mse > 0.1
    assert fit.expression.constants == pytest.approx((5.0,), rel=1e-10)


def test_slopes_by_hand_equal_autograd() -> None:
    text = "2*sin(1.5*x + 0.3)/((x + 4)**2 + 1.1) - max(0.4*x, 0.2) + 1.7**(0.3*x) - (x + 4)**2.5"
    expression = parse(text)
    values = [torch.tensor(c, dtype=torch.float64) for c in expression.constants]
    evaluator = Evaluator(expression, ["x"])
    value, slopes = evaluator.with_slopes([X], values, [True] * len(values))
    exact = torch.autograd.functional.jacobian(
        lambda *constants: evaluator([X], constants), tuple(values)
    )
    torch.testing.assert_close(value, evaluator([X], values))
    for slope, column in zip(slopes, exact, strict=True):
        torch.testing.assert_close(torch.as_tensor(slope).expand_as(X), column, rtol=1e-12, atol=0)
