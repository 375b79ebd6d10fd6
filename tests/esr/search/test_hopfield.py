import pytest
import torch

from esr.equations import Expression
from esr.random import RandomStreams
from esr.search import Clock, Question, Rows, SearchFront
from esr.search.hopfield import HopfieldEngine, Parts
from tests.esr.search.recall.test_adjunction import question_of


def searched(question, seconds=20.0, **parts):
    front = SearchFront(question)
    HopfieldEngine(Parts(**parts)).search(front, Clock(seconds), RandomStreams(0))
    return front


def test_imitations_of_a_function_to_the_last_bit_give_way_to_it():
    text = "1/(exp(x/2) - 1)"
    front = searched(question_of(text, count=120))
    assert front.best is not None
    assert front.best.expression.equals(Expression.parse(text), decimals=6)


def test_what_polish_leaves_reads_like_the_law():
    front = searched(question_of("m*v/sqrt(1 - v**2/(9*c**2))", count=120))
    assert front.best is not None
    assert front.best.expression.complexity <= 16


def test_few_rows_of_noise_are_given_up_soon():
    generator = torch.Generator().manual_seed(0)
    rows = Rows.of(
        torch.rand(40, 3, generator=generator), torch.randn(40, generator=generator), "abc"
    )
    question = Question(rows.taken(torch.arange(30)), rows.taken(torch.arange(30, 40)))
    clock = Clock(60)
    front = SearchFront(question)
    HopfieldEngine().search(front, clock, RandomStreams(0))
    assert front.best is not None
    assert not clock.expired


@pytest.mark.slow
@pytest.mark.parametrize("part", ["relations", "memory", "splits", "chains"])
def test_every_part_can_be_left_out(part):
    front = searched(question_of("2*sin(1.3*x)*cos(y)", count=120), **{part: False})
    assert front.exact is not None
