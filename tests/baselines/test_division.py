import pytest
import torch

from baselines.eql import EQL
from baselines.eql.division import THRESHOLD, division_units, domain_price
from esr.equations import Expression
from esr.finishing import finish_readings
from esr.models import Batch
from esr.problem import Problem
from esr.random import RandomStreams
from esr.training import Phase, Trainer

UNITS = {"identity": 1, "div": 1}


def test_a_quotient_has_no_pole_in_training_and_the_slopes_of_autograd() -> None:
    division = division_units(1).primitive
    a = torch.tensor([1.0, -2.0, 3.0, 1.0], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([2.0, 0.5, 0.0, -1.0], dtype=torch.float64, requires_grad=True)
    value = division(a, b)
    assert value.tolist() == [0.5, -4.0, 0.0, 0.0]
    assert division.derivative is not None
    exact = torch.autograd.grad(value.sum(), (a, b))
    for slope, expected in zip(division.derivative(value, a, b), exact, strict=True):
        torch.testing.assert_close(slope, expected)


def test_the_price_is_how_far_denominators_are_below_the_threshold() -> None:
    operands = torch.zeros(2, 3, 4, dtype=torch.float64)  # identity, numerator, denominator
    operands[0, 2] = torch.tensor([1.0, THRESHOLD, 0.0, -1.0])
    operands[1, 2] = 5.0
    groups = EQL(1, 1, hidden=[UNITS], replicas=2).hidden[0]
    price = domain_price(groups, operands)
    assert price is not None
    torch.testing.assert_close(price, torch.tensor([(0.1 + 1.1) / 4, 0.0], dtype=torch.float64))
    assert domain_price(groups[:1], operands) is None


def test_it_is_part_of_the_misfit_and_of_nothing_else() -> None:
    model = EQL(1, 1, hidden=[UNITS], replicas=1).double()
    with torch.no_grad():
        for layer in model.layers:
            layer.weight.zero_()
        model.layers[0].weight[0, 2, 1] = -1.0  # the denominator's bias
    x = torch.ones(5, 1, dtype=torch.float64)
    energy = model.energy(Batch(x, 0 * x))
    torch.testing.assert_close(energy.data, torch.tensor([1.1], dtype=torch.float64))
    assert model(x).abs().max() == 0


@pytest.mark.slow
def test_a_rational_law_is_found_and_read_as_a_quotient() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = inputs = torch.rand(2, 128, generator=generator, dtype=torch.float64) * 2 - 1
    target = (x + 0.5) / (y + 2)
    problem = Problem(inputs.T, target[:, None], ["x", "y"])
    model = EQL(2, 1, hidden=[UNITS], replicas=8, generator=generator)
    phases = {"fit": Phase(300, 2e-2, 0.2), "tune": Phase(150, (1e-2, 1e-4), 0, prune=0.02)}
    batch = Batch(problem.inputs.float(), problem.targets.float())

    class Rows:
        def batch(self, progress: object) -> Batch:
            return batch

    Trainer(phases).fit(model, Rows(), RandomStreams(0))
    best = int(model.energy(batch).data.argmin())
    reading = model.expressions(["x", "y"])[best][0]
    found = finish_readings([reading], problem, problem).best.expression
    assert "/" in str(found)
    wide = {"x": 3 * x, "y": y + 1.5}  # a common factor of numerator and denominator is free
    truth = Expression.parse("(x + 0.5)/(y + 2)").evaluate(wide)
    torch.testing.assert_close(found.evaluate(wide), truth, rtol=1e-9, atol=1e-9)
