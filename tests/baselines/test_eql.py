import math

import pytest
import torch
from torch import Generator, nn

from baselines.eql import EQL, RelaxedL0, UnitGroup
from baselines.eql.layer import SparseLinear, affine
from baselines.eql.units import apply_units, as_unit_groups
from esr.equations import STANDARD, Expression
from esr.errors import ConfigurationError
from esr.problem import Problem
from esr.random import RandomStreams
from esr.structure import NoStructure
from esr.training import Phase, Trainer


def test_units_of_mixed_arity_take_their_operands_in_order() -> None:
    groups = as_unit_groups({"sin": 1, "mul": 2, "identity": 1}, "hidden")
    operands = torch.arange(1.0, 7.0, dtype=torch.float64).view(1, 6, 1)
    # sin(1); left operands 2, 3 times right operands 4, 5; 6
    expected = torch.tensor([math.sin(1), 2 * 4, 3 * 5, 6], dtype=torch.float64)
    torch.testing.assert_close(apply_units(groups, operands).flatten(), expected)


def test_affine_equals_a_loop_over_replicas() -> None:
    generator = Generator().manual_seed(0)
    weights = torch.randn(3, 4, 6, generator=generator, dtype=torch.float64)
    features = torch.randn(3, 5, 8, generator=generator, dtype=torch.float64)
    for given in (features, features[0]):
        expected = torch.stack(
            [w[:, :5] @ (f if f.dim() == 2 else given) + w[:, 5:] for w, f in
             zip(weights, features if given.dim() == 3 else [given] * 3, strict=True)]
        )  # fmt: skip
        torch.testing.assert_close(affine(weights, given), expected)


def test_known_weights_spell_the_known_equation() -> None:
    model = EQL(2, 1, hidden=[{"mul": 1, "sin": 1}]).double()
    first, last = (layer for layer in model.layers if isinstance(layer, SparseLinear))
    with torch.no_grad():
        first.weight.zero_()
        first.weight[0, 0, 0] = 2.0  # left operand 2 x
        first.weight[0, 1, 1] = 1.0  # right operand y
        first.weight[0, 2, 2] = 0.5  # sin of the bias alone
        last.weight.copy_(torch.tensor([[[3.0, 0.0, -1.0]]]))
    ((equation,),) = model.expressions(["x", "y"])
    assert equation.equals(Expression.parse("6*x*y - 1"))


def test_stands_in_for_a_linear_layer_in_any_torch_model() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 3), EQL(3, 1), nn.Flatten(0))
    optimizer = torch.optim.Adam(network.parameters())
    x = torch.randn(8, 5)
    assert network[1](torch.randn(2, 8, 3)).shape == (2, 8, 1)
    loss = network(x).square().mean() + network[1].structure().sum()
    loss.backward()
    optimizer.step()
    copy = nn.Sequential(nn.Linear(5, 3), EQL(3, 1), nn.Flatten(0))
    copy.load_state_dict(network.state_dict())
    assert torch.equal(copy(x), network(x))


def test_gates_are_noisy_in_training_and_still_in_evaluation() -> None:
    model = EQL(2, 1, structure=RelaxedL0(), replicas=3, generator=Generator().manual_seed(0))
    x = torch.ones(4, 2)
    generator = Generator().manual_seed(1)
    noisy = [model.draw(generator=generator)(x) for _ in range(2)]
    assert not torch.equal(*noisy)
    model.eval()
    assert torch.equal(model(x), model(x))


def test_users_own_units_and_scales() -> None:
    groups = [UnitGroup(STANDARD["sin"].scaled(input_scale=4 * math.pi), 1)]
    model = EQL(1, 1, hidden=[groups], structure=NoStructure()).double()
    with torch.no_grad():
        for layer in model.layers:
            layer.weight.fill_(0)
            layer.weight[..., 0] = 0.5
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    torch.testing.assert_close(model(x), 0.5 * torch.sin(2 * math.pi * x))
    ((equation,),) = model.expressions(["x"])
    assert equation.equals(Expression.parse("sin(2*pi*x)/2"))


def test_the_trainer_finds_the_square() -> None:
    streams = RandomStreams(0)
    x = torch.rand(128, 1, generator=streams["data"]) * 2 - 1
    model = EQL(1, 1, hidden=[{"identity": 1, "square": 1}], replicas=4,
                generator=streams["init"])  # fmt: skip
    schedule = {
        "fit": Phase(200, 2e-2),
        "tune": Phase(200, (1e-2, 1e-5), structure=0, prune=0.05),
    }
    Trainer(schedule).fit(model, Problem(x, x.square(), ["x"]), streams)
    best = int(model.energy(Problem(x, x.square(), ["x"]).batch(None)).data.argmin())
    equation = model.expressions(["x"])[best][0]
    grid = torch.linspace(-2, 2, 50, dtype=torch.float64)
    torch.testing.assert_close(equation.evaluate({"x": grid}), grid**2, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"in_features": 0}, "in_features must be at least 1, but is 0"),
        ({"replicas": 0}, "replicas must be at least 1, but is 0"),
        ({"initial_sd": 0.0}, "initial_sd must be positive"),
        ({"hidden": [{}]}, r"hidden\[0\] has no units"),
        ({"hidden": [{"sin": 0}]}, "number of 'sin' units must be an integer of at least 1"),
        ({"hidden": [{"sn": 1}]}, "'sn'.* did you mean 'sin'"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        EQL(**({"in_features": 2, "out_features": 1} | settings))  # type: ignore[arg-type]
    assert isinstance(caught.value, ConfigurationError | ValueError)


def test_an_input_of_the_wrong_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expects 3 features .* shape \(4, 2\)"):
        EQL(3, 1)(torch.zeros(4, 2))


def test_weights_that_are_not_finite_are_not_read_as_an_equation() -> None:
    model = EQL(1, 1, hidden=[])
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="finite"):
        model.expressions(["x"])
