import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.equations import Expression, simplify
from esr.equations.angles import double_angles, reduced_phases, spread_phases

X = torch.linspace(-2, 2, 41, dtype=torch.float64)
PI = math.pi


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("sin(x + 2*pi)", "sin(x)"),
        ("sin(x + 0.5*pi)", "cos(x)"),
        ("sin(x - 0.5*pi)", "-cos(x)"),
        ("cos(x + pi)", "-cos(x)"),
        ("cos(x + 0.5*pi)", "-sin(x)"),
        ("sin(-2*x)", "-sin(2*x)"),
        ("cos(-2*x)", "cos(2*x)"),
        ("sin(1 - x)", "-sin(x - 1)"),
        ("cos(0.5*pi - 3*x)", "sin(3*x)"),
        ("sin(-x*y + y)", "-sin(x*y - y)"),
    ],
)
def test_phases_come_to_rest(text: str, normal: str) -> None:
    assert str(simplify(reduced_phases(Expression.parse(text)))) == normal


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(["sin", "cos"]),
    st.floats(-20, 20),
    st.floats(-5, 5),
    st.sampled_from(["{a}*x + {c}", "{c} - {a}*x", "-({a}*x) - {c}", "{c} + (x*{a} - x)"]),
)
def test_values_stay_but_for_the_rounding_of_phases(
    function: str, shift: float, factor: float, angle: str
) -> None:
    inner = angle.format(a=f"({factor!r})", c=f"({shift!r})")
    expression = Expression.parse(f"1 + {function}({inner})**2 - x*{function}({inner})")
    expected = expression.evaluate({"x": X})
    for rewritten in (reduced_phases(expression), double_angles(expression)):
        torch.testing.assert_close(rewritten.evaluate({"x": X}), expected, rtol=0, atol=4e-9)


def test_no_square_of_a_wave_is_left() -> None:
    text = "2*sin(pi*x + 0.25*pi)**2 - 1 + cos(x)*cos(x)"
    rewritten = simplify(reduced_phases(double_angles(Expression.parse(text))))
    assert rewritten.equals(Expression.parse("sin(2*pi*x) + 0.5 + 0.5*cos(2*x)"))
    assert "**" not in str(rewritten)


def test_products_of_waves_become_sums() -> None:
    text = "3*sin(x)*cos(x)*y - 2*cos(2*x)*cos(x)"
    rewritten = simplify(reduced_phases(double_angles(Expression.parse(text))))
    assert rewritten.equals(Expression.parse("1.5*sin(2*x)*y - cos(3*x) - cos(x)"))
    assert "cos(x)*" not in str(rewritten)


def test_phases_shrink_to_a_quarter_turn() -> None:
    for shift in (-30.1, -2.0, 1.6, 3.0, 100.0):
        constants = reduced_phases(Expression.parse(f"sin(x + ({shift}))")).constants
        assert all(abs(value) <= PI / 2 for value in constants)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sin(3.993*x - 0.6224)", "sin(3.993*x + 5.6607853071796)"),
        ("2*sin(x + 0.3)", "-2*sin(x + 3.4415926535898)"),
        ("cos(2*x - 1)", "sin(2*x + 0.5707963267949)"),
        ("sin(1 - x)", "cos(x + 0.5707963267949)"),
        ("sqrt(2)*sin(x + 0.25*pi)", "sin(x) + cos(x)"),
    ],
)
def test_one_wave_has_one_spread_form(first: str, second: str) -> None:
    forms = [simplify(spread_phases(Expression.parse(text))) for text in (first, second)]
    assert f"{forms[0]:.8f}" == f"{forms[1]:.8f}"


def test_spreading_keeps_values() -> None:
    expression = Expression.parse("x*sin(2*x - 30.1)**2 - cos(1 - sin(x + 4))")
    values = spread_phases(expression).evaluate({"x": X})
    torch.testing.assert_close(values, expression.evaluate({"x": X}), rtol=0, atol=4e-9)
