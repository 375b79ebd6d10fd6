import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.equations import Expression, folded_exponents, simplify

X = torch.linspace(-2, 2, 41, dtype=torch.float64)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("exp(x + 1)", "2.71828*exp(x)"),
        ("-0.5*exp(x + 0.7)", "-1.00688*exp(x)"),
        ("exp(1 - 2*x)", "2.71828*exp(-2*x)"),
        ("exp(x - y + 2 - 1)", "2.71828*exp(x - y)"),
        ("sin(exp(x + 1))", "sin(2.71828*exp(x))"),
        ("exp(x)", "exp(x)"),
        ("exp(sin(x + 1))", "exp(sin(x + 1))"),
    ],
)
def test_what_is_added_in_an_exponent_becomes_a_factor(text: str, normal: str) -> None:
    folded = simplify(folded_exponents(Expression.parse(text)))
    assert f"{folded:.6g}" == normal


def test_a_factor_beyond_the_numbers_stays_in_the_exponent() -> None:
    for text in ("exp(x + 1000)", "exp(x - 1000)"):
        expression = Expression.parse(text)
        assert folded_exponents(expression) == expression


@settings(deadline=None, max_examples=40)
@given(st.floats(-20, 20), st.floats(-3, 3))
def test_values_stay(shift: float, factor: float) -> None:
    expression = Expression.parse(f"x*exp(({factor!r})*x + ({shift!r})) - exp(({shift!r}) - x)")
    expected = expression.evaluate({"x": X})
    found = folded_exponents(expression).evaluate({"x": X})
    tolerance = 1e-13 * math.exp(shift) * 500  # rounding of the largest term
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=tolerance)
