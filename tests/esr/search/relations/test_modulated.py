import pytest
import torch

from esr.equations import STANDARD, Expression, PrimitiveSet
from esr.search import Clock, Question, Rows, SearchFront
from esr.search.relations.desk import Desk
from esr.search.relations.modulated import offer_modulated
from esr.search.relations.view import View

LAWS = [
    "2.5*x*sin(1.3*y) + z",
    "2.5*x*sin(1.3*y + 0.4) + z",
    "0.3 + x*z*cos(2.2*y)",
    "1.7*x*exp(-0.6*y) + 0.8*z",
    "3.1*log(x + 0.8)*y + z*z",
    "1.5*exp(-0.3*x)*sin(2.2*x)",
]


def offered(law: str, noise: float = 0.0, **settings: object) -> SearchFront:
    """What the stage alone finds."""
    truth = Expression.parse(law)
    generator = torch.Generator().manual_seed(0)
    inputs = 1 + 2 * torch.rand(100, 3, generator=generator, dtype=torch.float64)
    inputs = inputs[:, : len(truth.variables)]
    target = truth.evaluate(dict(zip(truth.variables, inputs.unbind(1), strict=True)))
    draw = torch.randn(100, generator=generator, dtype=torch.float64)
    rows = Rows.of(inputs, target + noise * target.std() * draw, truth.variables)
    training, validation = rows.taken(torch.arange(75)), rows.taken(torch.arange(75, 100))
    front = SearchFront(Question(training, validation, **settings))
    desk = Desk(front, Clock())
    offer_modulated(View.of(front.question), desk)
    desk.settle(12)
    return front


@pytest.mark.parametrize(
    "law", [LAWS[0], *(pytest.param(law, marks=pytest.mark.slow) for law in LAWS[1:])]
)
def test_a_function_with_a_number_inside_may_have_factors(law: str) -> None:
    front = offered(law)
    assert front.exact is not None
    assert front.exact.expression.complexity <= Expression.parse(law).complexity + 4


@pytest.mark.slow
@pytest.mark.parametrize("law", [LAWS[0], LAWS[3], LAWS[5]])
def test_so_may_it_under_noise(law: str) -> None:
    best = offered(law, noise=0.01).best
    truth = Expression.parse(law)
    assert best is not None
    assert best.expression.complexity <= truth.complexity + 2
    inputs = 1.2 + 1.6 * torch.rand(
        50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    values = dict(zip(truth.variables, inputs.unbind(1), strict=False))
    wanted = truth.evaluate(values)
    error = (best.expression.evaluate(values) - wanted).square().mean().sqrt()
    assert error < 0.01 * wanted.std()


def test_only_functions_that_are_allowed_are_taken() -> None:
    without = PrimitiveSet([STANDARD[name] for name in ("add", "sub", "mul", "div", "exp")])
    front = offered(LAWS[0], primitives=without)
    assert front.exact is None
    assert all("sin" not in str(c.expression) for c in front.candidates)
