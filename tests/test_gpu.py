"""What must also run on a CUDA device: `pytest -m gpu`."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch.distributed import HashStore

from baselines.eql import EQL, RelaxedL0, SmoothedL05
from baselines.eql.engine import EQLEngine
from esr.equations import Expression, fit_constants
from esr.hopfield import Annealing, Couplings, HopfieldNetwork, NetworkState
from esr.optim import HebbianOptimizer
from esr.problem import Problem
from esr.random import RandomStreams
from esr.regressor import SymbolicRegressor
from esr.rules import standard
from esr.structure import StructureTerm
from esr.training import Checkpoint, DataParallel, Phase, Share, Trainer
from experiments.launch import Torchrun

pytestmark = pytest.mark.gpu
PHASES = {"fit": Phase(60, 1e-2), "tune": Phase(60, (1e-2, 1e-4), structure=0, prune=0.05)}


def trained(
    term: StructureTerm,
    checkpoint: Checkpoint | None = None,
    processes: DataParallel | None = None,
) -> EQL:
    streams = RandomStreams(0, "cuda")
    x = torch.rand(64, 2, generator=streams["data"], device="cuda") * 2 - 1
    problem = Problem(x, x[:, :1] * x[:, 1:], ["x", "y"])
    model = EQL(2, 1, structure=term, replicas=3, generator=streams["init"])
    Trainer(PHASES).fit(model, problem, streams, checkpoint=checkpoint, processes=processes)
    return model


@pytest.mark.parametrize("term", [SmoothedL05(), RelaxedL0(gate_scale=10)])
def test_trains_where_its_generator_lives(term: StructureTerm, tmp_path: Path) -> None:
    model = trained(term, Checkpoint(tmp_path / "state.pt"))
    assert all(p.is_cuda and p.isfinite().all() for p in model.parameters())
    assert len(model.expressions(["x", "y"])) == 3
    again = trained(term, Checkpoint(tmp_path / "state.pt"))  # nothing left to do
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_expressions_and_fits_follow_their_inputs() -> None:
    values = partial(torch.linspace, device="cuda", dtype=torch.float64)
    x = values(0.1, 2, 50)
    law = Expression.parse("2*sin(x) + 0.5")
    target = law(x=x)
    assert target.is_cuda
    fit = fit_constants(Expression.parse("1.5*sin(x) + 0"), {"x": x}, target)
    assert fit.mse < 1e-20


def test_searches_and_graded_states_run_where_their_terms_live() -> None:
    compiled = standard("queens").compile()
    for device in ("cuda", "cpu"):
        network = HopfieldNetwork(compiled.grid, [term.to(device) for term in compiled.terms])
        streams = RandomStreams(0, device)
        found = Annealing(sweeps=200, high=0.3, low=0.25).solve(
            network, 64, generator=streams["search"]
        )
        assert found.symbols.device.type == device
        assert float(found.energy.min()) == 0
        model = NetworkState(network, 4, generator=streams["init"]).to(device)
        phases = {"graded": Phase(200, 0.05, structure=(0.5, 6))}
        Trainer(phases, optimizer=HebbianOptimizer, clip_norm=float("inf")).fit(
            model, NoBatch(), streams
        )
        assert bool(model.internal.isfinite().all())


def test_couplings_agree_with_those_on_the_cpu() -> None:
    compiled = standard("arithmetic").compile(dtype=torch.float64)
    here = Couplings(compiled.grid, compiled.terms, torch.float64)
    there = Couplings(compiled.grid, [term.to("cuda") for term in compiled.terms], torch.float64)
    states = torch.rand(3, compiled.grid.slots, compiled.grid.symbols, dtype=torch.float64)
    torch.testing.assert_close(there.field(states.cuda()).cpu(), here.field(states))


def test_a_regressor_searches_on_the_device() -> None:
    inputs = torch.rand(96, 1, dtype=torch.float64, device="cuda") * 2 - 1
    phases = {
        "sparsify": Phase(steps=200, learning_rate=2e-2),
        "fine_tune": Phase(steps=200, learning_rate=(1e-2, 1e-5), structure=0, prune=0.05),
    }
    squares = partial(EQL, hidden=[{"identity": 2, "square": 2}])
    model = SymbolicRegressor(EQLEngine(squares, phases=phases, replicas=6), random_state=0)
    model.fit(inputs, inputs[:, 0].square() - 0.5)
    assert model.best_.equation.equals(Expression.parse("x0**2 - 0.5"), decimals=6)
    fit = model.fit_constants("a*x0**2 + b", inputs, inputs[:, 0].square() - 0.5)
    assert fit.values == pytest.approx({"a": 1.0, "b": -0.5})


class NoBatch:
    """A state needs no data."""

    def batch(self, progress: object) -> None:
        return None


def test_processes_exchange_gradients_where_their_model_lives() -> None:
    alone = trained(SmoothedL05())
    with Torchrun(Share(0, 1), 0, HashStore()).group(torch.device("cuda:0")) as processes:
        together = trained(SmoothedL05(), processes=processes)
    for one, other in zip(alone.parameters(), together.parameters(), strict=True):
        # a device may take sums in another order each time, and 120 steps carry that on
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)
