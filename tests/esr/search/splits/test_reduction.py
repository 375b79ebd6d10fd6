import pytest
import torch
from torch import Generator

from esr.equations import STANDARD, Constant, Expression, PrimitiveSet, prefix
from esr.search import Question, Rows
from esr.search.splits import Reduction
from esr.search.splits.reduction import fresh_names
from esr.search.splits.transforms import AS_IS, RECIPROCAL, SQUARED, TRANSFORMS, Transform


def parse(text: str) -> Expression:
    return Expression.parse(text)


@pytest.fixture
def question() -> Question:
    generator = Generator().manual_seed(0)
    inputs = 0.5 + torch.rand(30, 2, generator=generator, dtype=torch.float64)
    rows = Rows.of(inputs, inputs.prod(1) + 1, ("x", "y"))
    return Question(rows, rows)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_joining_undoes_what_made_the_rows(question: Question, transform: Transform) -> None:
    reduction = Reduction({"u1": parse("x - y")}, parse("x*y"), parse("y"), transform)
    part = reduction.question(question)
    assert part is not None
    assert part.variables == ("u1",)
    # the part's targets, substituted for p, are the whole's
    columns = {**question.training.columns, "p": part.training.target}
    joined = reduction.join(parse("p")).evaluate(columns)
    torch.testing.assert_close(joined, question.training.target)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_slopes_are_derivatives(transform: Transform) -> None:
    target = torch.tensor([0.7, 1.3, 2.9], dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(transform.apply(target).sum(), target)
    torch.testing.assert_close(transform.slope(target.detach()), slopes)


def test_weights_follow_the_noise(question: Question) -> None:
    reduction = Reduction({"u1": parse("x")}, parse("y"))
    part = reduction.question(question)
    assert part is not None
    squares = question.training.columns["y"].square()
    torch.testing.assert_close(part.training.weights, squares / squares.mean())


def test_rows_where_the_part_is_undefined_are_left_out(question: Question) -> None:
    few = Reduction({"u1": parse("log(x - 0.55)")})
    part = few.question(question)
    assert part is not None
    assert len(part.training.target) < len(question.training.target)
    assert Reduction({"u1": parse("log(x - 1)")}).question(question) is None
    assert Reduction({"u1": parse("x")}, parse("0*x")).question(question) is None


def test_plain_parts_are_joined_without_ado() -> None:
    reduction = Reduction({"u1": parse("x + y")}, Constant(1.0), Constant(0.0), AS_IS)
    assert reduction.join(parse("sin(u1)")) == parse("sin(x + y)")


def test_transforms_serve_where_their_inverse_may_be_written() -> None:
    target = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64)
    assert SQUARED.serves(target, STANDARD)
    assert not SQUARED.serves(target, PrimitiveSet())
    assert not SQUARED.serves(target - 2, STANDARD)
    assert not RECIPROCAL.serves(target, STANDARD)
    assert RECIPROCAL.serves(target + 1, PrimitiveSet())


def test_rules_are_asked_about_the_joined_expression(question: Question) -> None:
    class NoSine:
        def allows(self, expression: Expression) -> bool:
            return "sin" not in str(expression) and "x" in expression.variables

        def tolerates(self, part: Expression) -> bool:
            return all(node.complexity < 4 for node in prefix(part))

    ruled = Question(question.training, question.validation, rules=NoSine())
    part = Reduction({"u1": parse("x*y")}, parse("x")).question(ruled)
    assert part is not None
    assert part.rules.allows(parse("u1 + 1"))
    assert not part.rules.allows(parse("sin(u1)"))
    assert part.rules.tolerates(parse("u1"))
    assert not part.rules.tolerates(parse("u1 + 1"))


def test_fresh_names_are_not_taken() -> None:
    assert fresh_names(3, ("u1", "x", "u3")) == ["u2", "u4", "u5"]
