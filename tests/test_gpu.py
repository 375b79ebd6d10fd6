"""What must also run on a CUDA device: `pytest -m gpu`."""

from functools import partial
from pathlib import Path

import pytest
import torch

from baselines.eql import EQL, RelaxedL0, SmoothedL05
from esr.equations import Expression, fit_constants
from esr.problem import Problem
from esr.random import RandomStreams
from esr.structure import StructureTerm
from esr.training import Checkpoint, Phase, Trainer

pytestmark = pytest.mark.gpu
PHASES = {"fit": Phase(60, 1e-2), "tune": Phase(60, (1e-2, 1e-4), structure=0, prune=0.05)}


def trained(term: StructureTerm, checkpoint: Checkpoint | None = None) -> EQL:
    streams = RandomStreams(0, "cuda")
    x = torch.rand(64, 2, generator=streams["data"], device="cuda") * 2 - 1
    problem = Problem(x, x[:, :1] * x[:, 1:], ["x", "y"])
    model = EQL(2, 1, structure=term, replicas=3, generator=streams["init"])
    Trainer(PHASES).fit(model, problem, streams, checkpoint=checkpoint)
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
