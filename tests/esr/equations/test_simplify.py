import math
from fractions import Fraction

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.equations import (
    STANDARD,
    Constant,
    Expression,
    PrimitiveSet,
    Variable,
    apply,
    parse,
    simplify,
)
from esr.equations.exact import decimal_fraction, exact_number, simplest_number


@settings(derandomize=True, max_examples=40, deadline=None)
@given(data=st.data())
def test_simplify_keeps_the_value(
    tame_trees: st.SearchStrategy[Expression], data: st.DataObject
) -> None:
    tree = data.draw(tame_trees)
    simple = simplify(tree)
    generator = torch.Generator().manual_seed(0)
    values = {
        name: torch.rand(50, generator=generator, dtype=torch.float64) * 2 - 1
        for name in ("x", "y", "rate_1")
    }
    sizes = [part.evaluate(values).abs().max().item() for part in (tree, simple)]
    sizes += [abs(value) for value in tree.constants + simple.constants]
    # 1e-12 relative to the largest coefficient: a polynomial of at most six factors
    torch.testing.assert_close(
        simple.evaluate(values), tree.evaluate(values), rtol=1e-12, atol=1e-12 * max(1.0, *sizes)
    )


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("x*(x + 1.5)", "x**2 + 1.5*x"),
        ("2*3*x", "6*x"),
        ("0.5*(2*x + 4*y) + 0*y", "x + 2*y"),
        ("0.1*x + 0.2*x - 0.3*x + y", "y"),
        ("(x + 1)*(x - 1) + 1", "x**2"),
        ("(x + 1)**10", "(x + 1)**10"),
        ("sin(x + 0)*1", "sin(x)"),
        ("exp(x - 800)", "exp(x - 800)"),
        ("2**0.5*x", "1.4142135623730951*x"),
        ("log(x*y)", "log(x*y)"),
        ("square(x + 1)", "x**2 + 2*x + 1"),
        ("3.0", "3"),
        ("x - x", "0"),
        ("sigmoid(x)*(x + 1)", "x*sigmoid(x) + sigmoid(x)"),
    ],
)
def test_simplify_flattens(text: str, simple: str) -> None:
    assert str(simplify(parse(text))) == simple


def test_nested_equation_learners_become_polynomials() -> None:
    x, y = Variable("x"), Variable("y")
    hidden = [apply(STANDARD["mul"], 0.5 * x + 2 * y, x - 1.0), apply(STANDARD["square"], x + y)]
    output = 2.0 * hidden[0] + 3.0 * apply(STANDARD["identity"], hidden[1]) - 3 * y * y
    assert str(simplify(output)) == "4*x**2 + 10*x*y - x - 4*y"


def test_what_cannot_be_simplified_comes_back() -> None:
    for text in ("1/(x - x)", "x*(1/0)", "log(-1)*x"):
        assert simplify(parse(text)).variables == ("x",)
    only_sin = PrimitiveSet((STANDARD["sin"],))
    assert simplify(parse("cos(x)*2"), primitives=only_sin) == parse("cos(x)*2")


def test_time_limit_returns_the_input() -> None:
    tree: Expression = Constant(1.0)
    for index in range(12):
        tree = tree * (Variable(f"x{index}") + Variable(f"y{index}"))
    assert simplify(tree, seconds=0.01) is tree
    with pytest.raises(ValueError, match="above 0 seconds"):
        simplify(tree, seconds=-1)


def test_numbers_become_exact() -> None:
    assert exact_number(3.0) == sympy.Integer(3)
    assert float(exact_number(0.1)) == 0.1
    assert decimal_fraction(0.1) == sympy.Rational(1, 10)
    assert decimal_fraction(-2.5e-7) == sympy.Rational(-1, 4_000_000)
    assert simplest_number(0.0, 1e-12) == 0
    assert simplest_number(-1 / 3, 1e-12) == sympy.Rational(-1, 3)
    assert simplest_number(0.1 + 0.2, 1e-12) == sympy.Rational(3, 10)
    assert simplest_number(math.pi / 2, 1e-12) == sympy.pi / 2
    assert simplest_number(-4 * math.pi, 1e-12) == -4 * sympy.pi


@settings(derandomize=True, max_examples=100)
@given(
    value=st.floats(1e-6, 1e6),
    tolerance=st.sampled_from([1e-1, 1e-3, 1e-6, 1e-12]),
)
def test_simplest_fraction_is_the_one_of_smallest_denominator(
    value: float, tolerance: float
) -> None:
    number = simplest_number(value, tolerance)
    if not number.is_Rational:
        return
    low, high = (Fraction(value) * (1 + sign * Fraction(tolerance)) for sign in (-1, 1))
    assert low <= Fraction(int(number.p), int(number.q)) <= high
    for denominator in range(1, min(number.q, 200)):
        assert math.ceil(low * denominator) > math.floor(high * denominator)
