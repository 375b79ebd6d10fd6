import pytest
import torch

from esr.equations import Expression
from esr.finishing import eliminate_terms, elimination_path


def inputs(count: int = 200) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, count, generator=generator, dtype=torch.float64) * 4 - 2
    return {"x": x, "y": y}


@pytest.mark.parametrize(
    ("start", "truth"),
    [
        ("0.9*x + 0.3*sin(0.2*x) + 0.01*y + 0.02", "x"),
        ("1.1*x*y + 0.1*x - 0.2*y**2 + 0.5", "x*y"),
        ("sin(1.9*x + 0.1*y - 0.05) - 0.02*y", "sin(2*x)"),
        ("x - 0.1*y", "x"),
        ("0.1*y - 0.9*x", "-x"),
    ],
)
def test_only_the_terms_of_the_truth_remain(start: str, truth: str) -> None:
    values, expected = inputs(), Expression.parse(truth)
    finished = eliminate_terms(Expression.parse(start), values, expected.evaluate(values))
    assert finished is not None
    assert finished.expression.equals(expected, decimals=6), str(finished.expression)
    assert finished.mean_squared_error < 1e-12


def test_a_term_stays_if_its_effect_exceeds_the_tolerance() -> None:
    values = inputs()
    truth = Expression.parse("x + 0.05*y")  # the second term moves y by 5% of a deviation
    for tolerance, count in ((0.01, 2), (0.2, 1)):
        finished = eliminate_terms(truth, values, truth.evaluate(values), tolerance=tolerance)
        assert finished is not None
        assert len(finished.expression.variables) == count


def test_what_is_too_large_or_not_finite_is_left_alone() -> None:
    values = inputs()
    target = values["x"]
    assert eliminate_terms(Expression.parse("x + y"), values, target, max_complexity=2) is None
    assert eliminate_terms(Expression.parse("log(x - 5)"), values, target) is None


def test_the_path_loses_a_term_at_a_time_and_its_errors_grow() -> None:
    values = inputs()
    truth = Expression.parse("x + 0.3*y + 0.01*sin(3*x)")
    path = elimination_path(truth, values, truth.evaluate(values))
    assert [len(step.expression.constants) for step in path] == [3, 1, 0]
    errors = [step.mean_squared_error for step in path]
    assert errors == sorted(errors)
    assert errors[0] < 1e-20
    assert elimination_path(truth, values, truth.evaluate(values), max_complexity=3) == []
