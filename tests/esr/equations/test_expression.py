import copy
import math
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from esr.equations import (
    STANDARD,
    Call,
    Constant,
    Expression,
    Variable,
    apply,
    fold,
    postorder,
    prefix,
)

X, Y = Variable("x"), Variable("y")


def deep_sum(terms: int) -> Expression:
    total: Expression = Constant(0.5)
    for index in range(terms):
        total = total + Constant(float(index)) * X
    return total


def test_operators_build_the_tree_as_written() -> None:
    expression = 2 * X - Y / (X + 1) ** 2
    assert expression == Call(
        STANDARD["sub"],
        (
            Call(STANDARD["mul"], (Constant(2), X)),
            Call(STANDARD["div"], (Y, Call(STANDARD["pow"], (X + 1, Constant(2))))),
        ),
    )
    assert Call(STANDARD["neg"], (X,)) == -X
    assert tuple(Expression.parse(text) for text in ("1 + x", "1 - x", "1/x", "2**x")) == (
        1 + X,
        1 - X,
        1 / X,
        2**X,
    )


def test_equality_is_structural_and_bit_exact() -> None:
    assert X + Y != Y + X
    assert Constant(0.0) != Constant(-0.0)
    assert Constant(0.1 + 0.2) != Constant(0.3)
    assert Constant(1.0) != X
    assert X != "x"
    assert len({X + Y, X + Y, Expression.parse("x + y")}) == 1


def test_properties_follow_the_order_of_the_text() -> None:
    expression = 3 * Y + X**2 - 0.5
    assert expression.variables == ("x", "y")
    assert expression.constants == (3.0, 2.0, 0.5)
    assert (expression.complexity, expression.depth) == (9, 4)
    assert str(expression.with_constants([1, 2, 4])) == "1*y + x**2 - 4"
    assert expression.substitute({"y": X + 1, "x": Y}) == 3 * (X + 1) + Y**2 - 0.5


@settings(derandomize=True, max_examples=60)
@given(data=st.data())
def test_walks_agree_with_each_other(
    any_trees: st.SearchStrategy[Expression], data: st.DataObject
) -> None:
    tree = data.draw(any_trees)
    nodes = list(prefix(tree))
    assert len(nodes) == len(postorder(tree)) == tree.complexity
    assert fold(tree, lambda node, sizes: 1 + sum(sizes)) == tree.complexity
    assert fold(tree, lambda node, depths: 1 + max(depths, default=0)) == tree.depth
    assert tree.with_constants(tree.constants) == tree
    assert tree.substitute({}) == tree


def test_deep_trees_need_no_recursion() -> None:
    terms = 3 * sys.getrecursionlimit() // 2
    tree = deep_sum(terms)
    assert tree == deep_sum(terms)
    assert hash(tree) == hash(deep_sum(terms))
    assert tree.depth == terms + 1 + 1
    assert Expression.parse(str(tree)) == tree
    x = torch.ones(2, dtype=torch.float64)
    assert tree(x=x).tolist() == [sum(range(terms)) + 0.5] * 2
    assert len(f"{tree:.3g}") > terms
    assert len(tree.latex()) > terms
    assert Expression.from_sympy(tree.to_sympy()) == sum(range(terms)) * X + 0.5
    assert copy.deepcopy(tree) is tree
    rebuild, state = tree.__reduce__()
    assert rebuild(*state) == tree
    assert repr(tree).startswith("Expression.parse('0.5 + 0*x")


def test_nesting_beyond_sympy_is_reported() -> None:
    tree: Expression = X
    depth = 5 * sys.getrecursionlimit()
    for _ in range(depth):
        tree = apply(STANDARD["sin"], tree)
    with pytest.raises(ValueError, match=f"depth {depth + 1} is too deep for sympy"):
        tree.to_sympy()


def test_apply_writes_the_scale_out() -> None:
    scaled = STANDARD["sin"].scaled(input_scale=4, output_scale=2, output_shift=-1, input_limit=9)
    assert str(apply(scaled, X)) == "2*sin(4*x) + -1"
    assert f"{apply(scaled, X):.3g}" == "2*sin(4*x) - 1"
    assert str(apply(STANDARD["mul"].scaled(input_scale=3), X, Y)) == "3*x*(3*y)"
    assert str(apply(STANDARD["square"].scaled(input_scale=2), X)) == "(2*x)**2"
    assert (apply(STANDARD["identity"], X), apply(STANDARD["cube"], X)) == (X, X**3)
    assert apply(STANDARD["inverse"], X) == 1 / X


@pytest.mark.parametrize("name", list(STANDARD))
def test_apply_has_the_value_of_the_primitive(name: str) -> None:
    primitive = STANDARD[name].scaled(input_scale=0.3, output_scale=-2, output_shift=0.25)
    tensors = [torch.rand(20, dtype=torch.float64, generator=torch.Generator().manual_seed(s))
               for s in range(primitive.arity)]  # fmt: skip
    values = dict(zip("xy", tensors, strict=False))
    expression = apply(primitive, *(Variable(name) for name in values))
    torch.testing.assert_close(
        expression.evaluate(values), primitive(*tensors), rtol=1e-13, atol=1e-13
    )


def test_evaluate_broadcasts_and_follows_type() -> None:
    expression = 2 * X + Y**2
    value = expression.evaluate({"x": torch.ones(3, 1), "y": torch.ones(1, 4)})
    assert (value.shape, value.dtype) == ((3, 4), torch.float32)
    double = expression(x=torch.ones(2, dtype=torch.float64), y=torch.ones(()))
    assert (double.shape, double.dtype) == ((2,), torch.float64)
    whole = (X / 2).evaluate({"x": torch.tensor([1, 2])})
    assert whole.tolist() == [0.5, 1.0]


def test_evaluate_without_variables_has_the_shape_of_what_is_given() -> None:
    given = {"x": torch.zeros(3, 1, dtype=torch.float64), "y": torch.zeros(2)}
    for expression in (Constant(2), Constant(2) + 1, X):
        value = expression.evaluate(given)
        assert (value.shape, value.dtype) == ((3, 2), torch.float64)
    assert Constant(2).evaluate({}).shape == ()


def test_evaluate_never_returns_the_callers_memory() -> None:
    x = torch.zeros(3)
    for expression in (X, apply(STANDARD["identity"], X), Call(STANDARD["identity"], (X,))):
        expression.evaluate({"x": x}).add_(1)
    assert x.tolist() == [0, 0, 0]


def test_evaluate_is_differentiable() -> None:
    x = torch.tensor([0.3, 1.7, -2.0], dtype=torch.float64, requires_grad=True)
    expression = Expression.parse("sin(2*x)*x**3 + x/(1 + x**2)")
    assert torch.autograd.gradcheck(lambda x: expression(x=x), (x,))


def test_wrong_use_is_explained() -> None:
    with pytest.raises(ValueError, match=r"variable 'rate' .* no value; did you mean 'rat'"):
        Variable("rate").evaluate({"rat": torch.ones(1)})
    with pytest.raises(TypeError, match="'x' must be a tensor, but is float"):
        X.evaluate({"x": 1.0})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="a constant must be finite, but is nan"):
        Constant(math.nan)
    with pytest.raises(TypeError, match="a constant must be a real number, but is True"):
        Constant(True)
    with pytest.raises(ValueError, match=r"identifier .* but is 'a b'.*'a_b'"):
        Variable("a b")
    with pytest.raises(ValueError, match="'sin' takes 1 argument, but got 2"):
        Call(STANDARD["sin"], (X, Y))
    with pytest.raises(ValueError, match=r"without scale.*use apply"):
        Call(STANDARD["sin"].scaled(input_scale=2), (X,))
    with pytest.raises(TypeError, match="real numbers, but got str"):
        X + "1"  # type: ignore[operator]
    with pytest.raises(ValueError, match=r"expected 2 constants for '2\*x \+ 1', but got 1"):
        (2 * X + 1).with_constants([1.0])
    with pytest.raises(AttributeError):
        X.name = "y"  # type: ignore[misc]
