import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.equations import STANDARD, Call, Constant, Expression, PrimitiveSet, Variable, parse
from esr.errors import ParseError

X, Y = Variable("x"), Variable("y")


@settings(derandomize=True, max_examples=150, deadline=None)
@given(data=st.data())
def test_parse_inverts_print(
    any_trees: st.SearchStrategy[Expression], data: st.DataObject
) -> None:
    tree = data.draw(any_trees)
    assert parse(str(tree)) == tree
    assert parse(str(tree), variables=tree.variables) == tree


@settings(derandomize=True, max_examples=200, deadline=None)
@given(text=st.text(alphabet="xy12.e+-*/^() ,sin\n'_$", max_size=20))
def test_any_text_gives_an_expression_or_a_parse_error(text: str) -> None:
    try:
        tree = parse(text)
    except ParseError:
        return
    assert parse(str(tree)) == tree


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-x**2", -(X**2)),
        ("(-x)**2", (-X) ** 2),
        ("2**-x", 2 ** (-X)),
        ("x^y^2", X ** (Y**2)),
        ("(x**y)**2", (X**Y) ** 2),
        ("-2", Constant(-2)),
        ("-(2)", -Constant(2)),
        ("--2", -Constant(-2)),
        ("-2**x", -(Constant(2) ** X)),
        ("-2*x", Constant(-2) * X),
        ("x - -2", X - Constant(-2)),
        ("x-2", X - 2),
        ("+x", X),
        ("x/y/2", X / Y / 2),
        ("x/(y/2)", X / (Y / 2)),
        ("x - (y - 2)", X - (Y - 2)),
        ("x*-y", X * -Y),
        (".5 + 1e-3 + 2.", Constant(0.5) + 1e-3 + 2),
        ("pow(x, 2)", X**2),
        ("add(x, y)", X + Y),
        (" x\n + 1 ", X + 1),
        ("2*pi", 2 * Constant(math.pi)),
        ("größe_1 + θ", Variable("größe_1") + Variable("θ")),
    ],
)
def test_notation_is_read_as_in_python(text: str, expected: Expression) -> None:
    assert parse(text) == expected
    assert parse(str(expected)) == expected


def test_declared_variables_come_before_constants() -> None:
    assert parse("e*pi", variables=["e"]) == Variable("e") * math.pi
    assert parse("e") == Constant(math.e)
    assert parse(str(Variable("pi") + 1), variables=["pi"]) == Variable("pi") + 1


def test_functions_come_from_the_given_primitives() -> None:
    only_sin = PrimitiveSet((STANDARD["sin"].scaled(input_scale=3),))
    assert parse("sin(x) + 1", only_sin) == Call(STANDARD["sin"], (X,)) + 1
    with pytest.raises(ParseError, match="function 'cos' is unknown; valid names: sin"):
        parse("cos(x)", only_sin)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"text is empty; write an expression such as 2\*x \+ 1"),
        (" \n ", "text is empty"),
        ("__import__('os')", r"unexpected character \"'\"(.|\n)*line 1, column 12"),
        ("x.real", r"unexpected character '\.'(.|\n)*column 2"),
        ("lambda: 0", "unexpected character ':'"),
        ("().__class__", r"expected a number, a name or '\(', but found '\)'"),
        ("2x", r"operator before 'x'; a product is written with \*, as in 2\*x"),
        ("x y", r"operator before 'y'(.|\n)*column 3"),
        ("sn(x)", r"function 'sn' is unknown; did you mean 'sin'"),
        ("1 +\nsn(x)", r"line 2, column 1\)\n    sn\(x\)\n    \^"),
        ("sin(x, y)", "'sin' takes 1 argument, but got 2"),
        ("max(x)", "'max' takes 2 arguments, but got 1"),
        ("sin()", "'sin' takes 1 argument, but got 0"),
        ("x + (y", r"this '\(' is never closed; add a '\)'(.|\n)*column 5"),
        ("x)", r"this '\)' closes nothing(.|\n)*column 2"),
        ("x + ", r"ends too early; expected a number(.|\n)*column 4"),
        ("x, y", "a comma only separates"),
        ("3*1e999", r"number 1e999 is too large(.|\n)*column 3"),
        ("9" * 400, r"number 9{30}\.\.\. is too large"),
        ("* x", r"but found '\*'"),
    ],
)
def test_faults_are_explained_at_their_place(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x + rte", "variable 'rte' is unknown; did you mean 'rate'"),
        ("x(2)", r"'x' is a variable; write x\*\(\.\.\.\) for a product"),
        ("sin + x", r"'sin' is a function; write sin\(\.\.\.\)"),
    ],
)
def test_names_are_checked_against_declared_variables(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse(text, variables=["x", "rate"])


def test_absurd_nesting_parses_or_fails_cleanly() -> None:
    count = 3 * sys.getrecursionlimit()
    assert parse("(" * count + "x" + ")" * count) == X
    assert parse("-" * count + "x").depth == count + 1
    assert parse("sin(" * count + "x" + ")" * count).depth == count + 1
    assert parse("x**" * count + "x").depth == count + 1
    with pytest.raises(ParseError, match="ends too early"):
        parse("(" * count)
    with pytest.raises(ParseError, match="never closed"):
        parse("(" * count + "x")


def test_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError, match="text of an expression, but got int"):
        parse(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not the string 'xy'"):
        parse("x", variables="xy")
