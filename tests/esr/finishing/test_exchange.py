import pytest
import torch

from esr.equations import STANDARD, Expression
from esr.finishing import finish_readings, promising_order
from esr.finishing.exchange import exchange_functions
from esr.problem import Problem

FUNCTIONS = [STANDARD[name] for name in ("exp", "sin", "sigmoid", "square")]
X = torch.linspace(-1, 1, 101, dtype=torch.float64)


def problem(text: str) -> Problem:
    return Problem(X[:, None], Expression.parse(text).evaluate({"x": X})[:, None], ["x"])


def best_neighbour(start: str, truth: str) -> Expression:
    target = Expression.parse(truth).evaluate({"x": X})
    return exchange_functions(Expression.parse(start), {"x": X}, target, FUNCTIONS)[0]


def test_a_power_gives_way_to_the_exponential_it_imitates() -> None:
    best = best_neighbour("0.7*(-0.35*x**2 + 1.2)**2", "exp(-x**2)")
    torch.testing.assert_close(best.evaluate({"x": X}), torch.exp(-X.square()))


def test_the_whole_may_be_put_inside_a_function() -> None:
    best = best_neighbour("1.2*x + 0.4", "sigmoid(4*x)")
    torch.testing.assert_close(best.evaluate({"x": X}), torch.sigmoid(4 * X))


def test_what_is_exact_or_too_large_is_left_alone() -> None:
    exact = Expression.parse("2*sin(x)")
    target = exact.evaluate({"x": X})
    assert exchange_functions(exact, {"x": X}, target, FUNCTIONS) == []
    assert exchange_functions(exact, {"x": X}, target + 1, FUNCTIONS, max_complexity=3) == []
    assert exchange_functions(exact, {"x": X}, target + 1, []) == []


@pytest.mark.slow
def test_finishing_finds_the_law_behind_an_impostor_only_with_functions() -> None:
    data, reading = problem("exp(-x**2)"), Expression.parse("0.7*(-0.35*x**2 + 1.2)**2")
    assert str(finish_readings([reading], data, data, FUNCTIONS).best.expression) == "exp(-x**2)"
    assert "exp" not in str(finish_readings([reading], data, data).best.expression)


def test_products_of_waves_are_finished_as_sums() -> None:
    data = problem("sin(6*x)")
    reading = Expression.parse("2.1*sin(3.01*x)*cos(2.99*x)")
    assert str(finish_readings([reading], data, data).best.expression) == "sin(6*x)"


def test_short_readings_that_nearly_fit_come_before_long_ones() -> None:
    readings = [Expression.parse(t) for t in ("x + x + x + x", "x", "x + 1", "x")]
    errors = torch.tensor([1e-3, 1.1e-3, torch.inf, 0.5])
    assert promising_order(readings, errors, samples=20, floor=1e-14) == [1, 0, 3]
    assert promising_order(readings, errors, samples=2, floor=1e-14) == [1, 3, 0]


def test_a_variable_of_a_small_equation_is_put_inside_a_function() -> None:
    x, y = torch.rand(2, 200, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
    target = torch.sin(x) * y
    found = exchange_functions(
        Expression.parse("0.9*x*y + 0.01"), {"x": x, "y": y}, target, [STANDARD["sin"]]
    )
    assert found[0].evaluate({"x": x, "y": y}).sub(target).abs().max() < 1e-9
