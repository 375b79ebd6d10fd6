import math
import time

import pytest

from esr.equations import Constant, Variable, parse, symbolically_equal


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sin(1.0*x)", "sin(x)"),
        ("x + y", "y + x"),
        ("(x + y)**2", "x**2 + 2*x*y + y**2"),
        ("0.1*x + 0.2*x", "0.3*x"),
        ("x/3", "0.333333333333333*x"),
        ("sin(x)**2 + cos(x)**2", "1"),
        ("sin(x + pi)", "-sin(x)"),
        ("log(x**2)", "2*log(x)"),
        ("sqrt(x**2)", "abs(x)"),
        ("x/x", "1"),
        ("exp(x)*exp(y)", "exp(x + y)"),
        ("sigmoid(x)", "0.5 + 0.5*tanh(x/2)"),
        ("((x + 1e8) - 1e8)", "x"),
        ("(1 - cos(x)**2)/x**4", "sin(x)**2/x**4"),
        ("2", "1 + 1"),
        ("square(x)", "x**2"),
        ("cos(3.7238120051042504e+16)", "-0.6383425359517968"),
        ("sqrt(2)*sqrt(3)*x", "sqrt(6)*x"),
    ],
)
def test_equal_functions_are_proven_equal(first: str, second: str) -> None:
    assert symbolically_equal(parse(first), parse(second)) is True
    assert parse(second).equals(parse(first)) is True


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x + y", "x - y"),
        ("x", "y"),
        ("1e-12*x", "2e-12*x"),
        ("sqrt(x**2)", "x"),
        ("max(x, -19)", "x"),
        ("2*x", "2.0000001*x"),
        ("sin(x)", "x - x**3/6 + x**5/120"),
        ("1", "1.001"),
    ],
)
def test_different_functions_are_refuted(first: str, second: str) -> None:
    assert symbolically_equal(parse(first), parse(second)) is False


def test_undefined_everywhere_is_undecided() -> None:
    assert symbolically_equal(parse("log(-1 - x**2)"), parse("x")) is None


def test_rounding_to_decimals_comes_first() -> None:
    fitted, law = parse("2.0004*x - 0.4999"), parse("2*x - 0.5")
    assert fitted.equals(law) is False
    assert fitted.equals(law, decimals=2) is True


def test_tolerance_decides_which_numbers_are_the_same() -> None:
    first, second = Variable("x") * math.pi, Variable("x") * 3.1416
    assert symbolically_equal(first, second) is False
    assert symbolically_equal(Constant(1.0), Constant(1 + 1e-14)) is True
    assert symbolically_equal(first, second, tolerance=1e-3) is not False


def test_time_limit_gives_undecided() -> None:
    hard = parse("+".join(f"sin(x*{k} + y)**7*exp(x*{k}*y)" for k in range(1, 7)))
    same = parse("+".join(f"exp(x*{k}*y)*sin(y + x*{k})**7" for k in range(6, 0, -1)))
    nearly = same + parse("tan(x) - sin(x)/cos(x)")
    start = time.monotonic()
    assert symbolically_equal(hard, nearly, seconds=0.01) is None
    assert time.monotonic() - start < 3.0  # 0.01 s, and room for a busy machine


def test_huge_numbers_do_not_hang() -> None:
    start = time.monotonic()
    assert symbolically_equal(parse("sigmoid(sqrt(3.6e21))"), parse("1")) is True
    powers = parse("(x/7.5e86)**-cube(x) - 1"), parse("(x/7.5e86)**-x**3 - 1")
    assert symbolically_equal(*powers, seconds=2.0) is not False
    assert time.monotonic() - start < 10.0


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="tolerance must be above 0 and below 1, but is 0"):
        symbolically_equal(parse("x"), parse("y"), tolerance=0)
    with pytest.raises(ValueError, match="above 0 seconds"):
        symbolically_equal(parse("x + x"), parse("2*x"), seconds=0)
