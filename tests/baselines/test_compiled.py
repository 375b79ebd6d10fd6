"""Equation learners and dynamics under the compiled step, in float64."""

from collections.abc import Sequence
from functools import partial

import pytest
import torch
from torch import Generator, Tensor
from torch.fx import GraphModule
from torch.optim import Adam, RMSprop

from baselines.dynamics import DynamicsBatch, DynamicsModel, TrajectoryEncoder
from baselines.eql import EQL, PAPER_UNITS, RelaxedL0, SmoothedL05
from esr.problem import Problem
from esr.random import RandomStreams
from esr.structure import StructureTerm
from esr.training import Compiler, Phase, Trainer, inductor

TERMS = {"l05": SmoothedL05(), "l0": RelaxedL0(0.01)}


def as_traced(graph: GraphModule, examples: Sequence[Tensor]) -> GraphModule:
    return graph


def trained(
    term: StructureTerm, compiler: Compiler | None, optimizer: type, layers: int
) -> list[Tensor]:
    streams = RandomStreams(0)
    x = torch.rand(16, 2, generator=streams["data"], dtype=torch.float64) * 2 - 1
    hidden, generator = [PAPER_UNITS] * layers, streams["init"]
    model = EQL(2, 1, hidden, term, replicas=3, initial_sd=0.1, generator=generator).double()
    schedule = {"fit": Phase(15, (1e-3, 3e-3)), "tune": Phase(8, 1e-3, structure=0, prune=0.02)}
    trainer = Trainer(schedule, optimizer, compiler=compiler)
    problem = Problem(x, x.square().sum(1, keepdim=True), ["x", "y"])
    clipped = trainer.fit(model, problem, streams).clipped
    return [*(p.detach() for p in model.parameters()), *model.buffers(), clipped]


def assert_same_training(
    term: StructureTerm, compiler: Compiler, optimizer: type, layers: int
) -> None:
    compiled, plain = (trained(term, each, optimizer, layers) for each in (compiler, None))
    for mine, theirs in zip(compiled, plain, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)  # rounding of 23 steps


@pytest.mark.parametrize("name", TERMS)
def test_the_traced_step_is_the_plain_one(name: str) -> None:
    assert_same_training(TERMS[name], as_traced, Adam, layers=1)


@pytest.mark.slow
def test_buffers_that_an_energy_writes_are_written() -> None:
    generator = Generator().manual_seed(1)
    observed = torch.randn(5, 8, 2, generator=generator, dtype=torch.float64)
    targets = observed.new_zeros(5, 4, 2)

    class Source:
        def batch(self, progress: object) -> DynamicsBatch:
            return DynamicsBatch(observed, observed[:, 0], targets)

    found = []
    for compiler in (as_traced, None):
        generator.manual_seed(0)
        cell = EQL(3, 2, replicas=2, generator=generator)
        encoder = TrajectoryEncoder(2, 1, 2, filters=4, kernel=3, generator=generator)
        model = DynamicsModel(encoder, cell, torch.ones(2), state_limit=10.0).double()
        trainer = Trainer({"fit": Phase(6, 1e-3)}, compiler=compiler)
        trainer.fit(model, Source(), RandomStreams(0))
        found.append(list(model.state_dict().values()))
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", TERMS)
def test_the_compiled_step_is_the_plain_one(name: str) -> None:
    optimizer = partial(RMSprop, alpha=0.9, eps=1e-10)
    assert_same_training(TERMS[name], inductor, optimizer, layers=2)  # type: ignore[arg-type]
