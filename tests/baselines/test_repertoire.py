import pytest
import torch

from baselines.eql import EQL
from esr.errors import ConfigurationError
from esr.models import Batch
from esr.structure import RelaxedL0, SmoothedL05

UNITS = {"identity": 2, "sin": 2, "square": 1, "mul": 1}


def network(**settings: object) -> EQL:
    generator = torch.Generator().manual_seed(0)
    model = EQL(2, 1, hidden=[UNITS, UNITS], replicas=6, generator=generator, **settings)  # type: ignore[arg-type]
    return model.double()


def functions_of(model: EQL, replica: int) -> set[str]:
    text = str(model.expressions(["x", "y"])[replica][0])
    return {name for name in ("sin", "**2", ")*(") if name in text}


def test_replicas_use_the_units_of_their_repertoire_in_turn() -> None:
    model = network(repertoires=[["sin"], [["square"], ["identity"]], []])
    for replica, expected in enumerate([{"sin"}, {"**2"}, {"sin", "**2", ")*("}] * 2):
        assert functions_of(model, replica) == expected


def test_units_outside_stay_out_through_training_pruning_and_restarts() -> None:
    model = network(repertoires=[["mul"]])
    x = torch.randn(8, 2, dtype=torch.float64)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model.energy(Batch(x, x[:, :1])).total().backward()
        optimizer.step()
    model.prune(10.0)
    assert str(model.expressions(["x", "y"])[0][0]) == "0"
    which = torch.tensor([True] * 3 + [False] * 3)
    model.reset_replicas(which, generator=torch.Generator().manual_seed(1))
    assert functions_of(model, 0) == {")*("}
    assert str(model.expressions(["x", "y"])[5][0]) == "0"


def test_initial_deviations_and_prices_go_by_turns() -> None:
    model = network(initial_sd=[0.1, 1.0])
    spread = torch.cat([p.flatten(1) for p in model.parameters()], 1).std(1)
    assert (spread[0::2] < 0.15).all()
    assert (spread[1::2] > 0.7).all()
    for term in (SmoothedL05, RelaxedL0):
        several = network(structure=term(strength=[0.1, 0.2, 0.4]))
        ones = network(structure=term(strength=1.0))
        expected = torch.tensor([0.1, 0.2, 0.4] * 2, dtype=torch.float64) * ones.structure()
        torch.testing.assert_close(several.structure(), expected)
        gradients = []
        for model in (several, ones):
            model.structure().sum().backward()
            first = model.layers[0]
            gradients.append((first.weight if first.gate is None else first.gate).grad)
        torch.testing.assert_close(gradients[0][1], 0.2 * gradients[1][1])


def test_what_no_layer_has_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'sinn'.*did you mean 'sin'"):
        network(repertoires=[["sinn"]])
    with pytest.raises(ConfigurationError, match="one for each of the 2 hidden layers"):
        network(repertoires=[[["sin"]]])
    with pytest.raises(ConfigurationError, match="strength must be at least 0, but is -1"):
        SmoothedL05(strength=[0.1, -1])
