import pytest
import torch

from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.expression_model import ExpressionModel
from esr.problem import Problem
from esr.random import RandomStreams
from esr.training import Phase, Trainer

EQUATIONS = [Expression.parse("2*x**2 + 0.5*y"), Expression.parse("3"), Expression.parse("x")]


def grid() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 2, generator=generator, dtype=torch.float64)


def test_computes_its_equations_for_shared_and_own_inputs() -> None:
    model, x = ExpressionModel(EQUATIONS, "xy", replicas=3).double(), grid()
    columns = dict(zip("xy", x.unbind(1), strict=True))
    expected = torch.stack([e.evaluate(columns) for e in EQUATIONS], 1)
    for inputs in (x, x.expand(3, 6, 2)):
        torch.testing.assert_close(model(inputs), expected.expand(3, 6, 3))


def test_reads_back_the_equations_it_was_given() -> None:
    model = ExpressionModel(EQUATIONS, "xy", replicas=2).double()
    assert model.expressions("xy") == [EQUATIONS, EQUATIONS]
    with pytest.raises(ValueError, match="the variables are"):
        model.expressions("yx")


def test_training_finds_the_constants_and_leaves_whole_exponents() -> None:
    x = grid()
    truth = Expression.parse("1.5*x**2 - 0.7*y")
    y = truth(x=x[:, 0], y=x[:, 1])[:, None]
    model = ExpressionModel([EQUATIONS[0]], "xy").double()
    schedule = {"fit": Phase(800, (3e-2, 1e-4))}
    Trainer(schedule).fit(model, Problem(x, y, ["x", "y"]), RandomStreams(0))
    ((found,),) = model.expressions("xy")
    torch.testing.assert_close(
        torch.tensor(found.constants), torch.tensor((1.5, 2.0, -0.7)), atol=1e-3, rtol=0
    )


def test_impossible_models_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one equation"):
        ExpressionModel([], "x")
    with pytest.raises(ValueError, match="variable 'y'"):
        ExpressionModel(EQUATIONS, "x")
