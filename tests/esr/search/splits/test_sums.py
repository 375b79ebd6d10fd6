import pytest
import torch
from torch import Generator

from esr.equations import Expression
from esr.search import Question, Rows
from esr.search.splits import Reduction, sum_splits
from esr.search.splits.pool import inner_pool


def best(text: str, noise: float = 0.0) -> tuple[Question, Reduction]:
    truth, generator = Expression.parse(text), Generator().manual_seed(2)
    names = truth.variables
    inputs = 1 + 4 * torch.rand(180, len(names), generator=generator, dtype=torch.float64)
    target = truth.evaluate(dict(zip(names, inputs.unbind(1), strict=True)))
    draw = torch.randn(180, generator=generator, dtype=torch.float64)
    rows = Rows.of(inputs, target + noise * target.std() * draw, names)
    question = Question(rows, rows)
    pool = inner_pool(rows, question.primitives, 300)
    return question, sum_splits(question, pool, 4)[0]


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a + b + 2*sqrt(a*b)*cos(c)", "2*cos({u})"),
        ("a*b + a*c*sin(d)", "sin({u})"),
        ("sqrt(a**2 + b**2 - 2*a*b*cos(c - d))", "-2*cos({u})"),
        ("1/(a + b*exp(-c))", "exp(-{u})"),
    ],
)
def test_what_is_joined_from_the_right_part_is_the_target(
    text: str, part: str, noise: float
) -> None:
    question, reduction = best(text, noise)
    name = next(iter(reduction.columns))
    joined = reduction.join(Expression.parse(part.format(u=name)))
    columns = question.training.columns
    torch.testing.assert_close(joined.evaluate(columns), Expression.parse(text).evaluate(columns))


def test_no_split_of_many_terms_is_offered() -> None:
    generator = Generator().manual_seed(3)
    inputs = torch.rand(180, 3, generator=generator, dtype=torch.float64)
    rows = Rows.of(inputs, torch.exp(-inputs.prod(1) * inputs.sum(1)), ("a", "b", "c"))
    question = Question(rows, rows)
    for reduction in sum_splits(question, inner_pool(rows, question.primitives, 1000), 9):
        assert str(reduction.offset).count("+") + str(reduction.offset).count(" - ") < 8
