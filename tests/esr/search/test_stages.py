import pytest
import torch

from esr.equations import Expression
from esr.random import RandomStreams
from esr.search import Clock, Patience, Polish, SearchFront, Stages
from esr.search.remainder import predictable_share
from tests.esr.search.test_front import LAW, question_of


class Proposing:
    def __init__(self, text):
        self.text, self.asked = text, 0

    def search(self, front, clock, streams):
        self.asked += 1
        self.given = clock.left
        front.propose(Expression.parse(self.text), self.text)


def test_a_clock_counts_down_and_parts_end_for_the_same_reason():
    enough = []
    clock = Clock(100, lambda: bool(enough))
    part = clock.part(0.5, most=20)
    assert 19 < part.left <= 20
    assert 49 < clock.part(0.5).left <= 50
    assert not part.expired
    enough.append(True)
    assert part.expired
    assert Clock(0).expired
    assert not Clock().expired


def test_stages_take_turns_until_one_equation_is_exact():
    first, second, third = (Proposing(t) for t in ("x + 1", "1*sin(1*x)*y + 1", "y"))
    front = SearchFront(question_of(LAW))
    stages = Stages({"a": first, "b": second, "c": third}, {"a": 0.25})
    stages.search(front, Clock(40), RandomStreams(0))
    assert front.exact is not None
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)
    assert first.given == pytest.approx(10, abs=1)
    assert second.given == pytest.approx(40, abs=1)


def test_polish_drops_terms_and_snaps_constants_that_noise_leaves_open():
    front = SearchFront(question_of(LAW, noise=0.02))
    front.propose(Expression.parse("1.5*sin(1.2*x)*y + 0.3 + 0.1*x*y"), "test")
    Polish().search(front, Clock(20), RandomStreams(0))
    assert front.best is not None
    assert front.best.expression.equals(LAW)


def test_polish_of_an_exact_equation_leaves_the_rest_alone():
    front = SearchFront(question_of(LAW))
    front.propose(Expression.parse("0*x + 1.5*sin(1.2*x)*y + 0.3 + 0.1*x*y"), "test")
    front.propose(Expression.parse("x + x*y + y + 1"), "test")
    before = front.proposals
    Polish().search(front, Clock(20), RandomStreams(0))
    assert front.exact is not None
    assert front.exact.expression.complexity == LAW.complexity
    assert front.proposals - before < 20


@pytest.mark.parametrize(("rows", "columns"), [(60, 1), (192, 6)])
def test_predictable_share_tells_noise_from_structure(rows, columns):
    generator = torch.Generator().manual_seed(0)
    inputs = 3 * torch.rand(rows, columns, generator=generator, dtype=torch.float64)
    noise = torch.randn(rows, generator=generator, dtype=torch.float64)
    smooth = inputs.prod(1) + torch.sin(inputs.sum(1))
    assert predictable_share(inputs, noise) < 0.05
    assert predictable_share(inputs, smooth) > 0.8
    assert predictable_share(inputs, 0 * noise) == 0


def test_patience_ends_only_where_noise_is_left():
    for text, ends in (("1*sin(1*x)*y + 1", True), ("1 + y", False)):
        front = SearchFront(question_of(LAW, noise=0.05))
        times = iter([0.0, 0.0, 3.0, 7.9, 8.1])
        patience = Patience(front, least=5.0, now=lambda times=times: next(times))
        assert not patience()  # nothing found yet
        front.propose(Expression.parse(text), "test")
        assert not patience()  # found after 3 seconds
        assert not patience()  # 4.9 seconds ago
        assert patience() == ends
