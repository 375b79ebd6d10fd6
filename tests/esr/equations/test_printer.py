import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.equations import STANDARD, Call, Constant, Expression, Variable, parse

X, Y = Variable("x"), Variable("y")


@pytest.mark.parametrize(
    "text",
    ["2*x + 1", "x - (y - 1)", "x/(y*2)", "-(x + y)*3", "x**-y**2", "(-2)**x", "-(2)", "--x",
     "sin(x)**2", "max(x + 1, -y)", "2.5e-10*x", "1e+16 + x", "-0.0"],
)  # fmt: skip
def test_text_has_no_needless_parentheses(text: str) -> None:
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (X + Constant(-3), "x - 3"),
        (X + Constant(-3) * Y, "x - 3*y"),
        (X - Constant(-3.00001) * Y, "x + 3*y"),
        (Constant(2.00000001) * X, "2*x"),
        (Constant(1.00000001) * X + Constant(0.0), "x"),
        (Constant(-1.0) * X / Y, "-x/y"),
        (-Constant(2) * X, "-2*x"),
        (X * Constant(-2), "-x*2"),
        (-X - Y, "-x - y"),
        (X - (-Y), "x + y"),
        (Constant(-0.0) + X, "x"),
        (X ** Constant(1.00001), "x"),
        (Constant(1 / 3) * X ** Constant(2), "0.3333*x**2"),
        (Constant(123456.0) * X, "123500*x"),
        (-(X + Y), "-(x + y)"),
        (2 ** (-X), "2**-x"),
        (parse("sin(-x)"), "sin(-x)"),
    ],
)
def test_formatted_text_reads_well(expression: Expression, text: str) -> None:
    assert f"{expression:.4g}" == text


@settings(derandomize=True, max_examples=75, deadline=None)
@given(data=st.data())
def test_formatting_keeps_the_value_and_can_be_read(
    tame_trees: st.SearchStrategy[Expression], data: st.DataObject
) -> None:
    tree = data.draw(tame_trees)
    generator = torch.Generator().manual_seed(0)
    values = {
        name: torch.rand(20, generator=generator, dtype=torch.float64)
        for name in ("x", "y", "rate_1")
    }
    shown = parse(f"{tree:.17g}")
    # 1e-10: the operands are the same and only signs move, so intermediate results agree
    torch.testing.assert_close(
        shown.evaluate(values), tree.evaluate(values), rtol=1e-10, atol=1e-10, equal_nan=True
    )


def test_format_of_a_float_is_required() -> None:
    assert f"{2 * X}" == "2*x"
    assert f"{0.126 * X:.2f}" == "0.13*x"
    with pytest.raises(ValueError, match=r"formatted like a float.*but the format is '\.1%'"):
        f"{2 * X:.1%}"


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("2*x*y + 1", r"2 \, x \, y + 1"),
        ("x/(y + 1)", r"\frac{x}{y + 1}"),
        ("sin(x)**2", r"{\sin\left(x\right)}^{2}"),
        ("sqrt(alpha_1)", r"\sqrt{\alpha_{1}}"),
        ("(x + 1)*-2.00001", r"-\left(x + 1\right) \cdot 2"),
        ("3e-7*x", r"3 \cdot 10^{-7} \, x"),
        ("abs(x)", r"\left|x\right|"),
        ("square(x) + inverse(x)", r"{x}^{2} + \frac{1}{x}"),
        ("sigmoid(x)", r"\operatorname{sigmoid}\left(x\right)"),
        ("max(x, y)", r"\max\left(x, y\right)"),
        ("x**(y + 1)", r"{x}^{y + 1}"),
        ("2*3", r"2 \cdot 3"),
    ],
)
def test_latex(text: str, latex: str) -> None:
    assert parse(text).latex() == latex


def test_latex_needs_a_digit() -> None:
    with pytest.raises(ValueError, match="digits must be at least 1, but is 0"):
        X.latex(digits=0)


def test_unscaled_primitives_print_by_name() -> None:
    assert str(Call(STANDARD["square"], (X,))) == "square(x)"
