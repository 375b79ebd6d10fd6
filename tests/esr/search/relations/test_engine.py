import pytest
import torch

from esr.equations import STANDARD, Expression, PrimitiveSet
from esr.random import RandomStreams
from esr.search import Clock, Question, SearchFront
from esr.search.relations import Relations
from tests.esr.search.recall.test_adjunction import question_of


def searched(question):
    front = SearchFront(question)
    Relations().search(front, Clock(30), RandomStreams(0))
    return front


@pytest.mark.parametrize(
    "text",
    [
        "x**6 + x**5 + x**4 + x**3 + x**2 + x",
        "(u + v)/(1 + u*v/c**2)",
        "q/(4*pi*e0*r**2)",
        "m/sqrt(1 - v**2/(9*c**2))",
        "n*exp(-m*g*x/(k*t))",
        "x**y",
        "log((x + 1.4)*(x**2 + 1.3))",
        "a/(b*(c - d/7)**2)",
        "x**3/(exp(x) - 1)",
        "sin(2*x) + sin(3*y)",
        "b*(1 + a*cos(t))",
    ],
)
def test_exact_laws_are_found_and_nothing_simpler_than_they(text):
    law = Expression.parse(text)
    front = searched(question_of(text, count=120))
    assert front.exact is not None
    found = front.exact.expression
    values = {
        name: 1.01 + torch.linspace(0, 1.9, 7, dtype=torch.float64) ** (k + 1) / 2**k
        for k, name in enumerate(law.variables)
    }
    assert torch.allclose(found.evaluate(values), law.evaluate(values), rtol=1e-8)
    assert found.complexity <= 1.5 * law.complexity


@pytest.mark.slow
def test_a_function_without_a_relation_is_not_called_exact():
    assert searched(question_of("exp(sin(x*y) + cos(x + y**2))")).exact is None


@pytest.mark.slow
def test_noise_leaves_the_terms_of_a_polynomial():
    front = searched(question_of("x**3 + 2*y", count=150, noise=0.05))
    assert front.best is not None
    assert front.best.expression.variables == ("x", "y")
    assert front.best.validation_error < 2 * 0.05**2
    assert front.best.expression.complexity < 15


def test_only_functions_of_the_question_are_used():
    question = question_of("sqrt(x)*exp(-y)", count=60)
    few = PrimitiveSet([STANDARD["sin"]])
    only = Question(question.training, question.validation, few)
    front = searched(only)
    assert front.exact is None
    assert all(only.permits(candidate.expression) for candidate in front.candidates)
