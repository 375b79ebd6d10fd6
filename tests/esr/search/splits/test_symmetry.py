import pytest
import torch
from torch import Generator, Tensor

from esr.equations import Expression
from esr.search import Question, Rows
from esr.search.splits import symmetric_splits
from esr.search.splits.symmetry import mergers, scale_symmetries

NAMES = ("a", "b", "c")


def slopes_of(text: str, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Values and derivatives of an expression in a, b and c."""
    inputs = inputs.clone().requires_grad_()
    columns = dict(zip(NAMES, inputs.unbind(1), strict=True))
    values = Expression.parse(text).evaluate(columns)
    return values.detach(), torch.autograd.grad(values.sum(), inputs)[0]


@pytest.fixture
def inputs() -> Tensor:
    generator = Generator().manual_seed(0)
    return 0.5 + torch.rand(50, 3, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    "inner",
    ["a - b", "a + b", "a**2 + b**2", "a**2 - b**2", "a*b", "a/b", "a**2*b", "a/b**2"],
)
def test_mergers_are_clear_for_exact_slopes(inner: str, inputs: Tensor) -> None:
    _, slopes = slopes_of(f"sin({inner})*c + exp({inner})", inputs)
    first = mergers(inputs, slopes, [0, 1, 2], [], 1.0)[0]
    assert first.places == (0, 1)
    assert first.text.format(a="a", b="b") == inner
    assert first.misfit < 1e-25  # rounding


def test_mergers_allow_for_powers_of_both(inputs: Tensor) -> None:
    _, slopes = slopes_of("log(a**2*b**0.5*(2 + sin(a - b))*c)", inputs)
    first = mergers(inputs, slopes, [0, 1], [0, 1, 2], 0.5)[0]
    assert (first.text, first.exponents) == ("{a} - {b}", (2.0, 0.5))
    _, slopes = slopes_of("log(a**3*(2 + sin(a*b)))", inputs)
    first = mergers(inputs, slopes, [0, 1], [0, 1, 2], 0.5)[0]
    assert first.text == "{a}*{b}"
    assert first.exponents in ((3.0, 0.0), (0.0, -3.0))


def test_scale_symmetry_is_found_for_exact_slopes(inputs: Tensor) -> None:
    _, slopes = slopes_of("log(a*(a + b + c**2/a))", inputs)
    logarithmic = slopes * inputs
    spread = inputs.log().std(0)
    found = scale_symmetries(logarithmic, spread, [0, 1, 2], 0.5)
    assert found is not None
    scaling, power = found
    assert [abs(value) for value in scaling] == [1, 1, 1]
    assert power * scaling[0] == 2
    _, slopes = slopes_of("log(1 + a*b + sin(3*c))", inputs)
    assert scale_symmetries(slopes * inputs, spread, [0, 2], 0.5) is None


def draw(text: str, count: int = 180) -> Question:
    truth, generator = Expression.parse(text), Generator().manual_seed(1)
    names = truth.variables
    inputs = 1 + 2 * torch.rand(count, len(names), generator=generator, dtype=torch.float64)
    target = truth.evaluate(dict(zip(names, inputs.unbind(1), strict=True)))
    rows = Rows.of(inputs, target, names)
    return Question(rows, rows)


@pytest.mark.parametrize(
    ("text", "factor", "columns"),
    [
        ("g*m/(1 + (a - b)**2 + (c + d)**2)", "g*m", {"a - b", "c + d"}),
        ("x*(cos(w*t) + p*cos(w*t)**2)", "x", {"t*w", "p"}),
        ("q*(d + b*v*sin(s))", "q", {"b*v", "d", "s"}),
        ("(u + v)/(1 + u*v/c**2)", "c", {"u/c", "v/c"}),
    ],
)
def test_columns_are_merged_and_factors_taken_out(
    text: str, factor: str, columns: set[str]
) -> None:
    found = symmetric_splits(draw(text), 8)
    pairs = [(str(r.factor), {str(c) for c in r.columns.values()}) for r in found]
    assert (factor, columns) in pairs[:3]


def test_without_symmetry_there_is_no_clear_merger(inputs: Tensor) -> None:
    _, slopes = slopes_of("sin(3*a*b + c)*a + exp(b*c)", inputs)
    assert all(merger.misfit > 0.01 for merger in mergers(inputs, slopes, [0, 1, 2], [], 1.0))
