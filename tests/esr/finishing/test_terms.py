import pytest
import torch

from esr.equations import Expression, fit_constants
from esr.finishing.terms import removals


def test_each_removal_lacks_one_term_and_names_its_coefficient() -> None:
    expression = Expression.parse("2*x + sin(3*y - 4) - 5*x*y")
    left = {str(r.expression): r.coefficient for r in removals(expression)}
    assert left == {
        "sin(3*y - 4) - 5*x*y": 0,
        "2*x - 5*x*y": None,
        "2*x + sin(-(4)) - 5*x*y": 1,
        "2*x + sin(3*y) - 5*x*y": 2,
        "2*x + sin(3*y - 4)": 3,
    }


def test_the_cost_is_the_growth_of_squares_in_a_linear_fit() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y, noise = torch.randn(3, 80, generator=generator, dtype=torch.float64)
    inputs, target = {"x": x, "y": y}, 2 * x + 0.3 * y + 0.5 * noise
    fit = fit_constants(Expression.parse("1.5*x + 0.5*y"), inputs, target)
    without = fit_constants(Expression.parse("1.5*x"), inputs, target)
    variance = fit.mse * 80 / 78
    cost = removals(fit.expression)[0].cost(fit.expression.constants, fit.standard_errors)
    assert cost == pytest.approx((without.mse - fit.mse) * 80 / variance, rel=1e-6)
