import pytest
import torch
from torch import Generator

from esr.equations import STANDARD, Expression, PrimitiveSet
from esr.search import Question, Rows
from esr.search.splits import power_product, power_splits
from esr.search.splits.pool import inner_pool


def ask(text: str, noise: float = 0.0, primitives: PrimitiveSet = STANDARD) -> Question:
    """A question about an equation on 200 rows with inputs from 1 to 3."""
    truth, generator = Expression.parse(text), Generator().manual_seed(1)
    names = truth.variables
    inputs = 1 + 2 * torch.rand(200, len(names), generator=generator, dtype=torch.float64)
    target = truth.evaluate(dict(zip(names, inputs.unbind(1), strict=True)))
    draw = torch.randn(200, generator=generator, dtype=torch.float64)
    data = Rows.of(inputs, target + noise * target.std() * draw, names)
    rows = torch.arange(200)
    return Question(data.taken(rows[:150]), data.taken(rows[150:]), primitives)


def splits(question: Question, most: int = 3) -> list[tuple[str, str]]:
    pool = inner_pool(question.training, question.primitives, 900)
    return [
        (str(found.factor), str(next(iter(found.columns.values()))))
        for found in power_splits(question, pool, most)
    ]


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize(
    ("text", "factor", "column"),
    [
        ("m*exp(-a*b/(c*d))", "m", "a*b/(c*d)"),
        ("m**2*sin(a - b)/c", "m**2/c", "a - b"),
        ("sqrt(m)*log(1 + a**2 + b**2)", "sqrt(m)", "a**2 + b**2"),
        ("m*tanh(a*sin(b))", "m", "a*sin(b)"),
    ],
)
def test_factor_and_inner_function_come_first(
    text: str, factor: str, column: str, noise: float
) -> None:
    assert splits(ask(text, noise))[0] == (
        factor,
        str(Expression.parse(column)),
    )


def test_factors_that_differ_by_the_inner_function_are_given_once_and_simple() -> None:
    found = splits(ask("m*cosh(a/b)"), 6)
    assert found[0] == ("m", "a/b")
    assert [column for _, column in found].count("a/b") == 1


def test_roots_are_written_only_where_they_may_be() -> None:
    without = PrimitiveSet([STANDARD["exp"]])
    for factor, column in splits(ask("sqrt(m)*exp(a*b)", primitives=without), 6):
        assert "sqrt" not in factor + column
        assert not any("." in power and ".0" not in power for power in factor.split("**")[1:])


def test_power_product_is_exact_for_one() -> None:
    question = ask("-3*a**2*sqrt(b)/c")
    found = power_product(question)
    assert found is not None
    values = found.evaluate(question.training.columns)
    torch.testing.assert_close(values, question.training.target)


def test_without_a_signed_variable_there_is_no_power_product() -> None:
    inputs = torch.linspace(-1, 1, 40, dtype=torch.float64)[:, None].expand(-1, 2)
    rows = Rows.of(inputs, inputs[:, 0], ("x", "y"))
    assert power_product(Question(rows, rows)) is None
    pool = inner_pool(rows, STANDARD, 100)
    assert power_splits(Question(rows, rows), pool, 2)[0].length < 0
