"""What every function model must do; adding a model is one line in MODELS."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Generator

from baselines.eql import EQL, PAPER_UNITS, NoStructure, RelaxedL0, SmoothedL05
from baselines.relu import ReLUNetwork
from esr.models import Batch, FunctionModel, SymbolicModel
from esr.relaxed_program import Relaxation, RelaxedProgram

D, OUT, R, N = 3, 2, 4, 7
ALL_UNITS = {"identity": 1, "square": 1, "sin": 1, "exp": 1, "sigmoid": 1, "mul": 2, "cube": 1}

MODELS: dict[str, Callable[..., FunctionModel]] = {
    "eql_l05": partial(EQL, structure=SmoothedL05()),
    "eql_l0": partial(EQL, structure=RelaxedL0(initial_open=0.7)),
    "eql_plain": partial(EQL, structure=NoStructure(), hidden=[ALL_UNITS]),
    "eql_paper": partial(EQL, hidden=[PAPER_UNITS, PAPER_UNITS], initial_sd=0.1),
    "eql_linear": partial(EQL, hidden=[]),
    "relu": ReLUNetwork,
    "relaxed_program": partial(RelaxedProgram, relaxation=Relaxation(noise=0.3)),
}

MIXED: dict[str, Callable[..., FunctionModel]] = {
    "eql_mixed": partial(
        EQL,
        structure=RelaxedL0([0.1, 0.2, 0.3]),
        initial_sd=[0.1, 0.5, 1.0],
        repertoires=[["sin"], []],
    ),
    "relaxed_mixed": partial(RelaxedProgram, relaxation=Relaxation([0.5, 1.0, 2.0])),
}
"""Models whose replicas differ in more than their parameters."""


def make(name: str, seed: int = 0) -> FunctionModel:
    generator = Generator().manual_seed(seed)
    return (MODELS | MIXED)[name](
        in_features=D, out_features=OUT, replicas=R, generator=generator
    ).double()


def batch() -> Batch:
    generator = Generator().manual_seed(9)
    x = torch.randn(N, D, generator=generator, dtype=torch.float64)
    return Batch(x, torch.randn(N, OUT, generator=generator, dtype=torch.float64))


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_outputs_lead_with_replicas(name: str) -> None:
    model, x = make(name).eval(), batch().inputs
    shared = model(x)
    assert shared.shape == (R, N, OUT)
    torch.testing.assert_close(model(x.expand(R, N, D)), shared)


def test_every_parameter_leads_with_replicas(name: str) -> None:
    assert all(p.shape[0] == R for p in make(name).parameters())


def test_the_same_seed_gives_the_same_model_and_another_does_not(name: str) -> None:
    x = batch().inputs
    assert torch.equal(make(name).eval()(x), make(name).eval()(x))
    assert not torch.equal(make(name).eval()(x), make(name, seed=1).eval()(x))


def test_replicas_do_not_share_gradients(name: str) -> None:
    model = make(name)
    energy = model.energy(batch(), generator=Generator().manual_seed(0))
    assert energy.data.shape == energy.structure.shape == (R,)
    (energy.data[1] + energy.structure[1]).backward()
    for parameter in model.parameters():
        gradient = parameter.grad
        assert gradient is not None
        assert not gradient[[0, 2, 3]].any()


@pytest.mark.parametrize("name", [*MODELS, *MIXED])
def test_repeated_replicas_are_the_same_functions_at_the_same_price(name: str) -> None:
    model, x = make(name).eval(), batch().inputs
    larger = model.repeated(3)
    assert larger.replicas == 3 * R
    assert all(p.shape[0] == 3 * R for p in larger.parameters())
    torch.testing.assert_close(larger(x), model(x).repeat_interleave(3, 0))
    torch.testing.assert_close(larger.structure(), model.structure().repeat_interleave(3))
    every = torch.ones(3 * R, dtype=torch.bool)
    larger.reset_replicas(every, generator=Generator().manual_seed(1))
    assert larger(x).isfinite().all()


def test_outputs_are_linear_in_the_head(name: str) -> None:
    model, x = make(name).eval(), batch().inputs
    assert model.head
    once = model(x)
    with torch.no_grad():
        for part in model.head:
            model.get_parameter(part).mul_(1 if part.endswith("gate") else 2)
    torch.testing.assert_close(model(x), 2 * once)


def test_energy_gradient_equals_finite_differences(name: str) -> None:
    model = make(name)
    total = model.energy(batch(), generator=Generator().manual_seed(0)).total()
    total.backward()
    for parameter in model.parameters():
        entry = (0,) * parameter.dim()
        values = []
        for shift in (-1e-6, 2e-6):
            with torch.no_grad():
                parameter[entry] += shift
                moved = model.energy(batch(), generator=Generator().manual_seed(0))
                values.append(moved.total().item())
        with torch.no_grad():
            parameter[entry] -= 1e-6
        assert parameter.grad is not None
        slope = (values[1] - values[0]) / 2e-6
        assert parameter.grad[entry].item() == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_a_draw_stays_fixed_while_it_is_used(name: str) -> None:
    model, x = make(name).train(), batch().inputs
    function = model.draw(generator=Generator().manual_seed(0))
    assert torch.equal(function(x), function(x))


def test_resetting_touches_only_the_replicas_asked_for(name: str) -> None:
    model, x = make(name).eval(), batch().inputs
    before = model(x)
    which = torch.tensor([False, True, False, True])
    model.prune(0.1)
    pruned = model(x)
    model.reset_replicas(which, generator=Generator().manual_seed(5))
    after = model(x)
    assert torch.equal(after[~which], pruned[~which])
    assert not torch.isclose(after[which], before[which]).all()
    again = make(name).eval()
    again.reset_replicas(which, generator=Generator().manual_seed(5))
    assert torch.equal(after[which], again(x)[which])


def test_pruning_touches_only_the_replicas_asked_for(name: str) -> None:
    model, everywhere, x = make(name).eval(), make(name).eval(), batch().inputs
    before, which = model(x), torch.tensor([False, True, False, True])
    everywhere.prune(0.2)
    model.prune(0.2, which)
    after = model(x)
    assert torch.equal(after[~which], before[~which])
    assert torch.equal(after[which], everywhere(x)[which])


def test_state_dict_carries_everything(name: str) -> None:
    model, other, x = make(name).eval(), make(name, seed=3).eval(), batch().inputs
    model.prune(0.2)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(x), model(x))


@pytest.mark.parametrize("threshold", [None, 0.15])
def test_equations_compute_what_the_network_computes(name: str, threshold: float | None) -> None:
    model = make(name).eval()
    if not isinstance(model, SymbolicModel):
        return
    if threshold is not None:
        model.prune(threshold)
    x = batch().inputs
    outputs = model(x)
    columns = dict(zip("xyz", x.unbind(1), strict=True))
    for replica, equations in enumerate(model.expressions("xyz")):
        for place, equation in enumerate(equations):
            torch.testing.assert_close(equation.evaluate(columns), outputs[replica, :, place])
