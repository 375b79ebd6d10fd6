import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.equations import (
    STANDARD,
    Call,
    Constant,
    Expression,
    Primitive,
    PrimitiveSet,
    Variable,
    from_sympy,
    parse,
)

X = Variable("x")
x, y = sympy.symbols("x y", real=True)


def _bump(x: torch.Tensor) -> torch.Tensor:
    return torch.relu(1 - x * x)


BUMP = Primitive("bump", 1, _bump, sympy.Function("bump"))


@settings(derandomize=True, max_examples=40, deadline=None)
@given(data=st.data())
def test_from_sympy_inverts_to_sympy_numerically(
    tame_trees: st.SearchStrategy[Expression], data: st.DataObject
) -> None:
    tree = data.draw(tame_trees)
    generator = torch.Generator().manual_seed(0)
    values = {
        name: torch.rand(20, generator=generator, dtype=torch.float64) + 0.5
        for name in ("x", "y", "rate_1")
    }
    back = from_sympy(tree.to_sympy())
    # sympy reorders sums: the rounding is relative to the largest term, below 1e6 here
    torch.testing.assert_close(back.evaluate(values), tree.evaluate(values), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in STANDARD if n not in ("div", "pow")])
def test_every_primitive_survives_the_round_trip(name: str) -> None:
    primitive = STANDARD[name]
    call = Call(primitive, (X, Variable("y"))[: primitive.arity])
    values = {
        "x": torch.tensor([0.2, 0.7], dtype=torch.float64),
        "y": torch.tensor([0.5, 0.1], dtype=torch.float64),
    }
    torch.testing.assert_close(
        from_sympy(call.to_sympy()).evaluate(values), call.evaluate(values), rtol=1e-14, atol=1e-15
    )


def test_constants_keep_all_bits() -> None:
    values = (0.1, 1 / 3, 1e-300, 1.7e308, -2.5, 123456789.123456789, 2.0**60 + 2.0**9)
    for value in values:
        assert from_sympy((Constant(value) * X).to_sympy()) == Constant(value) * X


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (x - 3 * y, "x - 3*y"),
        (x**2 / y, "x**2/y"),
        (1 / x, "1/x"),
        (x**-2, "1/x**2"),
        (sympy.sqrt(x), "sqrt(x)"),
        (2 / sympy.sqrt(x), "2/sqrt(x)"),
        (x ** sympy.Rational(3, 2), "x**1.5"),
        (x / 4, "0.25*x"),
        (1 + x + sympy.pi, "x + 4.141592653589793"),
        (2 * sympy.pi * x, "6.283185307179586*x"),
        (sympy.sqrt(2) + sympy.E, "4.1324953908321405"),
        (2**x, "2**x"),
        (-x / (y * (x + 1)), "-x/(y*(x + 1))"),
        (sympy.Abs(x) + sympy.asin(y), "abs(x) + asin(y)"),
        (sympy.Max(x, y, 3), "max(max(3, x), y)"),
        (sympy.Symbol("k"), "k"),
    ],
)
def test_from_sympy_reads_well(expression: sympy.Expr, text: str) -> None:
    assert str(from_sympy(expression)) == text


def test_variables_are_real_symbols() -> None:
    assert (2 * X).to_sympy() == 2 * x
    assert parse("x**2/2").to_sympy() == x**2 / 2


def test_user_functions_are_found_by_name() -> None:
    primitives = STANDARD.with_primitives(BUMP)
    call = Call(BUMP, (2 * X,))
    assert from_sympy(call.to_sympy(), primitives) == call
    with pytest.raises(ValueError, match="sympy's 'bump' has no counterpart among the primitives"):
        from_sympy(call.to_sympy())


def test_what_has_no_counterpart_is_named() -> None:
    with pytest.raises(ValueError, match="'gamma' has no counterpart"):
        from_sympy(sympy.gamma(x))
    with pytest.raises(ValueError, match=r"'sin' has no counterpart.*did you mean 'asin'"):
        from_sympy(sympy.sin(x), PrimitiveSet((STANDARD["asin"],)))
    with pytest.raises(ValueError, match="number 'I' is not a finite real number"):
        from_sympy(sympy.I * x)
    with pytest.raises(ValueError, match="number 'zoo' is not a finite real number"):
        from_sympy(sympy.zoo)
    with pytest.raises(ValueError, match="out of the range of float64"):
        from_sympy(sympy.Integer(10) ** 400 * x)
    with pytest.raises(TypeError, match="expected a sympy expression, but got str"):
        from_sympy("x")


def test_without_sqrt_a_root_is_a_power() -> None:
    assert str(from_sympy(sympy.sqrt(x), PrimitiveSet())) == "x**0.5"


def test_huge_exponents_do_not_hang() -> None:
    assert parse("(2*x)**1e15").to_sympy().has(sympy.Pow)
