"""The engine: it finds small laws, keeps to what is allowed, and never fails on odd data."""

from dataclasses import replace

import pytest
import torch
from small_programs import SMALL, question_of, rows_of

from esr.equations import Call, Expression, PrimitiveSet, postorder
from esr.errors import ConfigurationError
from esr.random import RandomStreams
from esr.search import Clock, Question, Rows, SearchFront
from esr.search.chains import Chains, Parts, Settings
from esr.search.chains.draws import Draws
from esr.search.chains.population import Ladders

TINY = Settings(values=96 * 24, rungs=12, patterns=100, depth=5)


class Steps(Clock):
    """Time that passes by being asked."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps

    @property
    def expired(self) -> bool:
        self._steps -= 1
        return self._steps < 0

    def part(self, share: float, most: float = 1e9) -> Clock:
        return Clock()


def searched(
    question: Question, steps: int = 12, seed: int = 0, parts: Parts | None = None
) -> SearchFront:
    front = SearchFront(question)
    Chains(parts, TINY).search(front, Steps(steps), RandomStreams(seed))
    return front


@pytest.mark.parametrize("text", ["x*y+sin(x)", "2.5*exp(0.7*x)*y"])
def test_small_laws_are_found(text: str) -> None:
    front = searched(question_of(text), steps=40)
    assert front.exact is not None
    assert set(front.accepted) == {"chains"}


def test_the_same_seed_gives_the_same_proposals() -> None:
    runs = []
    for _ in range(2):
        front = searched(question_of("log(x*y)+cos(3*y)"), steps=8)
        runs.append([(c.expression, c.validation_error) for c in front.candidates])
    assert runs[0] == runs[1]
    other = searched(question_of("log(x*y)+cos(3*y)"), steps=8, seed=1)
    assert runs[0] != [(c.expression, c.validation_error) for c in other.candidates]


def test_only_allowed_functions_are_used() -> None:
    few = PrimitiveSet((SMALL["sin"],))
    front = searched(question_of("exp(x)*y+log(y)", few), steps=6)
    allowed = {"add", "sub", "mul", "div", "neg", "pow", "sin"}
    for candidate in front.candidates:
        nodes = postorder(candidate.expression)
        assert {n.primitive.name for n in nodes if isinstance(n, Call)} <= allowed


class NoSine:
    """Rules that refuse sines, and equations without y."""

    def allows(self, expression: Expression) -> bool:
        return self.tolerates(expression) and "y" in expression.variables

    def tolerates(self, part: Expression) -> bool:
        return not any(isinstance(n, Call) and n.primitive.name == "sin" for n in postorder(part))


def test_rules_are_kept() -> None:
    front = searched(replace(question_of("x*y+sin(x)"), rules=NoSine()), steps=6)
    assert front.candidates
    for candidate in front.candidates:
        assert NoSine().allows(candidate.expression)


def test_without_any_part_it_still_searches() -> None:
    nothing = Parts(*(False for _ in range(8)))
    assert searched(question_of("exp(x*y)/x"), steps=6, parts=nothing).candidates


@pytest.mark.slow
@pytest.mark.parametrize(
    "part",
    ["retrieval", "curvature", "pairs", "hebbian", "refit", "exchange", "growth", "transforms"],
)
def test_each_part_can_be_left_out(part: str) -> None:
    front = searched(question_of("exp(x*y)/x"), steps=16, parts=Parts(**{part: False}))
    assert front.candidates


@pytest.mark.parametrize(
    ("text", "count"), [("3", 20), ("1e30*x", 20), ("1e-30*x*y", 20), ("log(x)-y", 3)]
)
def test_odd_data_do_no_harm(text: str, count: int) -> None:
    rows = rows_of(text, count)
    front = searched(Question(rows, rows, SMALL), steps=4)
    assert front.proposals > 0


def test_weights_decide_which_rows_count() -> None:
    good, bad = rows_of("x*y", 20), rows_of("x+9*y", 20, seed=1)
    rows = Rows(
        torch.cat([good.inputs, bad.inputs]),
        torch.cat([good.target, bad.target]),
        torch.cat([2 * torch.ones(20), torch.zeros(20)]).double(),
        ("x", "y"),
    )
    front = searched(Question(rows, rows_of("x*y", seed=2), SMALL), steps=12)
    assert front.exact is not None
    assert front.exact.expression.variables == ("x", "y")


def test_exchange_swaps_neighbours_of_one_ladder() -> None:
    ladders = Ladders(3, 4, 0.1, 1.0, groups=2)
    draws = Draws(torch.Generator().manual_seed(0), "cpu")
    energies = torch.arange(12, dtype=torch.float64).flip(0)  # the hottest have the lowest
    for odd, expected in ((False, [1, 0, 3, 2]), (True, [0, 2, 1, 3])):
        order = ladders.exchanged(energies, odd, draws)
        assert order.tolist() == [4 * k + rung for k in range(3) for rung in expected]
    upward = ladders.exchanged(1e9 * energies.flip(0), False, draws)
    assert upward.tolist() == list(range(12))
    assert ladders.groups.tolist() == [0] * 4 + [1] * 4 + [0] * 4


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="rungs must be at least 2, but is 1"):
        Settings(rungs=1)
    with pytest.raises(ConfigurationError, match="coldest not above hottest"):
        Settings(coldest=1.0, hottest=0.1)
    assert Settings(values=24_000).ladders(100) == 10
    assert Settings(values=1).ladders(100) == 4
