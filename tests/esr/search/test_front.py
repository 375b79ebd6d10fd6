import math

import pytest
import torch

from esr.equations import STANDARD, Expression, PrimitiveSet
from esr.errors import DataError
from esr.search import Question, Rows, SearchFront

LAW = Expression.parse("2*sin(1.3*x)*y + 1")


def rows_of(law, count=60, seed=0, noise=0.0):
    generator = torch.Generator().manual_seed(seed)
    inputs = 3 * torch.rand(count, 2, generator=generator, dtype=torch.float64)
    target = law.evaluate(dict(zip("xy", inputs.unbind(1), strict=True)))
    target += noise * torch.randn(count, generator=generator, dtype=torch.float64)
    return Rows.of(inputs, target, ["x", "y"])


def question_of(law, noise=0.0, **settings):
    rows = rows_of(law, noise=noise)
    return Question(rows.taken(torch.arange(45)), rows.taken(torch.arange(45, 60)), **settings)


def test_constants_are_fitted_to_training_rows_and_exactness_needs_unseen_rows_too():
    front = SearchFront(question_of(LAW))
    candidate = front.propose(Expression.parse("1.5*sin(1.2*x)*y + 0.3"), "test")
    assert candidate is not None
    assert candidate.expression.constants == pytest.approx(LAW.constants, abs=1e-9)
    assert front.exact == front.best == candidate

    question = question_of(LAW)
    spoilt = Rows.of(question.validation.inputs, question.validation.target + 1e-6, "xy")
    front = SearchFront(Question(question.training, spoilt))
    front.propose(LAW, "test")
    assert front.exact is None


def test_front_is_sorted_undominated_and_told_of():
    heard = []
    front = SearchFront(question_of(LAW, noise=0.1), heard.append)
    for text in ("1 + x", "1 + y", "1.0", "sin(x)*y", "1 + x*y + 2*x*x*y*y", "2*sin(1.3*x)*y + 1"):
        front.propose(Expression.parse(text), "test")
    sizes = [candidate.expression.complexity for candidate in front.candidates]
    errors = [candidate.validation_error for candidate in front.candidates]
    assert sizes == sorted(set(sizes))
    assert errors == sorted(set(errors), reverse=True)
    assert set(front.candidates) <= set(heard)
    assert front.accepted["test"] == len(heard)
    assert front.exact is None
    assert front.best is not None
    assert front.best.expression.complexity == LAW.complexity


@pytest.mark.parametrize("text", ["log(x - 5)", "1/(x - x)", "sin(x + y)*z"])
def test_what_is_not_finite_or_not_about_the_columns_is_refused(text):
    front = SearchFront(question_of(LAW))
    if "z" in text:
        with pytest.raises(ValueError, match="z"):
            front.propose(Expression.parse(text), "test")
    else:
        assert front.propose(Expression.parse(text), "test") is None
    assert front.best is None


def test_what_the_question_forbids_is_refused():
    class NoY:
        def allows(self, expression):
            return "y" not in expression.variables

        tolerates = allows

    for settings in (
        {"primitives": PrimitiveSet([STANDARD["cos"]])},
        {"max_complexity": LAW.complexity - 1},
        {"rules": NoY()},
    ):
        assert SearchFront(question_of(LAW, **settings)).propose(LAW, "test") is None


@pytest.mark.parametrize(
    ("text", "names", "permitted"),
    [
        ("x**3 - 2/x", (), True),
        ("x**-0.5", (), False),
        ("x**-0.5", ("sqrt",), True),
        ("sqrt(x)", ("sqrt",), True),
        ("sqrt(x)", (), False),
        ("x**0.3", ("sqrt",), False),
        ("x**0.3", ("pow",), True),
        ("x**y", ("sqrt",), False),
        ("sin(x)", ("cos",), False),
    ],
)
def test_permitted_functions(text, names, permitted):
    primitives = PrimitiveSet([STANDARD[name] for name in names])
    question = question_of(LAW, primitives=primitives)
    assert question.permits(Expression.parse(text)) == permitted


def test_weights_decide_between_rows():
    x = torch.tensor([[1.0], [2.0], [1.0], [2.0]], dtype=torch.float64)
    target = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64)
    rows = Rows.of(x, target, ["x"])
    weighted = Rows(x, target, torch.tensor([2.0, 2.0, 0.0, 0.0]).double(), ("x",))
    for data, slope in ((rows, 2.0), (weighted, 1.0)):
        found = SearchFront(Question(data, data)).propose(Expression.parse("5*x"), "test")
        assert found is not None
        assert found.expression.constants == pytest.approx((slope,))


def test_rows_are_checked_and_weights_keep_mean_one():
    with pytest.raises(DataError, match="NaN"):
        Rows.of(torch.tensor([[math.nan]]), torch.ones(1), ["x"])
    rows = Rows(torch.ones(3, 1), torch.ones(3), torch.tensor([1.5, 1.5, 0.0]), ("x",))
    assert rows.taken(torch.tensor([0, 2])).weights.mean() == 1
    assert bool((rows.taken(torch.tensor([2])).weights == 1).all())


def test_exact_equations_come_before_shorter_ones_that_only_look_alike():
    front = SearchFront(question_of(Expression.parse("sin(x)*y + 1e-8*x")))
    front.propose(Expression.parse("sin(x)*y"), "test", refit=False)
    assert front.best is not None
    assert front.exact is None
    front.propose(Expression.parse("sin(x)*y + 1e-8*x"), "test", refit=False)
    assert front.best == front.exact
    assert front.best.expression.complexity == 8
    assert front.best in front.candidates


def test_description_length_prices_constants_by_what_the_rows_determine():
    front = SearchFront(question_of(LAW))
    written = front.propose(Expression.parse("2*x + 0.5"), "test", refit=False)
    fitted = front.propose(Expression.parse("2.00000001*x + 0.5"), "test", refit=False)
    assert written is not None
    assert fitted is not None
    price = 0.5 * math.log(60) + 3
    assert front.length(fitted) - front.length(written) == pytest.approx(price, abs=1e-4)


def test_a_long_exact_equation_settles_later():
    front = SearchFront(question_of(LAW))
    assert not front.settled
    front.propose(Expression.parse("2*sin(1.3*x)*y + 1 + (x*y + x + y)*(x - x)*(y - y)"), "test")
    assert front.exact is not None
    assert not front.settled
    front.propose(LAW, "test", refit=False)
    assert front.settled


def test_a_fitted_form_does_not_hide_the_same_form_with_simple_constants():
    front = SearchFront(question_of(Expression.parse("x*y + 1"), noise=0.1))
    fitted = front.propose(Expression.parse("1*(x*y) + 1"), "test")
    simple = front.propose(Expression.parse("1*(x*y) + 1"), "test", refit=False)
    assert fitted is not None
    assert simple is not None
    assert simple.expression.constants == (1, 1)
    assert simple.training_error > fitted.training_error
    assert front.length(simple) < front.length(fitted)


def test_functions_that_laws_seldom_have_make_descriptions_longer():
    front = SearchFront(question_of(LAW))
    lengths = []
    for text in ("sin(x) + cos(y)", "sinh(x) + cos(y)", "sinh(cos(y)) + x"):
        candidate = front.propose(Expression.parse(text), "test", refit=False)
        assert candidate is not None
        misfit = 30 * math.log(
            (45 * candidate.training_error + 15 * candidate.validation_error) / 60
        )
        lengths.append(front.length(candidate) - misfit)
    assert lengths[0] < lengths[1] < lengths[2]


def test_of_several_forms_of_one_equation_the_shortest_is_promising():
    front = SearchFront(question_of(LAW))
    for text in ("x*y + 2*x - x", "x*(y + 1)", "x + 1"):
        front.propose(Expression.parse(text), "test", refit=False)
    assert [str(c.expression) for c in front.promising(9)] == ["x + 1", "x*(y + 1)"]
