import pytest
import torch

from esr.equations import Expression
from esr.random import RandomStreams
from esr.search import Clock, Question, Rows, SearchFront
from esr.search.recall import Adjunction
from esr.search.recall.adjunction import _left_over, _monomials, _multiples
from esr.search.recall.transform import transforms
from esr.search.recall.view import LinearView


def question_of(text, count=96, noise=0.0):
    law = Expression.parse(text)
    generator = torch.Generator().manual_seed(0)
    names = law.variables
    inputs = 1 + 2 * torch.rand(count, len(names), generator=generator, dtype=torch.float64)
    target = law.evaluate(dict(zip(names, inputs.unbind(1), strict=True)))
    target = target + noise * torch.randn(count, generator=generator, dtype=torch.float64)
    rows = Rows.of(inputs, target, names)
    third = count // 3
    return Question(rows.taken(torch.arange(third, count)), rows.taken(torch.arange(third)))


@pytest.mark.parametrize(
    "text",
    ["a*cos(w*t) + 0.5*cos(w*t)**2", "1/(x + y*exp(-x))", "sqrt(x + 3 + x*sin(y)**2)"],
)
def test_a_polynomial_in_variables_and_one_function_is_found(text):
    front = SearchFront(question_of(text))
    Adjunction(400).search(front, Clock(30), RandomStreams(0))
    assert front.exact is not None
    assert front.exact.expression.equals(Expression.parse(text), decimals=6)


def test_under_noise_the_right_function_stands_out():
    front = SearchFront(question_of("a*cos(w*t) + 0.5*cos(w*t)**2", count=200, noise=0.01))
    Adjunction(400).search(front, Clock(30), RandomStreams(0))
    assert front.best is not None
    assert "cos(t*w)" in str(front.best.expression)
    assert front.best.validation_error < 3e-4


def test_what_is_left_over_is_that_of_least_squares():
    rows = question_of("x*y + sin(x)").training
    terms, columns = _monomials(rows)
    view = LinearView(transforms(question_of("x*y + sin(x)"))[0], rows.weights, terms, columns)
    values = torch.stack([rows.inputs[:, 0].exp(), rows.inputs[:, 1].log()])
    left = _left_over(view, values, columns)
    for share, further in zip(left, _multiples(values, columns), strict=True):
        whole = torch.cat([columns, further]).T
        solution = torch.linalg.lstsq(whole, rows.target[:, None], driver="gelsd").solution
        rest = (whole @ solution)[:, 0] - rows.target
        assert float(share) * view.size**2 == pytest.approx(float(rest.square().sum()), rel=1e-6)
