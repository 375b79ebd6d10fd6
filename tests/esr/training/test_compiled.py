"""The compiled step takes the steps of the plain one; here its graph runs as it was traced."""

import os
import signal
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from bowl import TARGET, Bowl, Source
from torch import Generator, Tensor
from torch.fx import GraphModule
from torch.optim import ASGD, SGD, Adam, AdamW, RMSprop, Rprop

from esr.errors import ConfigurationError
from esr.models import Batch, Energy
from esr.random import RandomStreams
from esr.training import Checkpoint, DivergenceAction, Phase, Report, Trainer, plain_energy
from esr.training.compiled import CompiledStep
from esr.training.session import Session

SCHEDULE = {"first": Phase(30, 1e-2, structure=0), "second": Phase(40, (1e-2, 1e-3), prune=0.1)}
OPTIMIZERS = {
    "adam": Adam,
    "adamw": partial(AdamW, weight_decay=0.1),
    "amsgrad": partial(Adam, amsgrad=True),
    "rmsprop": partial(RMSprop, momentum=0.5, centered=True),
    "sgd": partial(SGD, lr=1.0, momentum=0.9, nesterov=True),
}


def as_traced(graph: GraphModule, examples: Sequence[Tensor]) -> GraphModule:
    return graph


class Poisoned(Source):
    """Inputs of which one replica's are not finite at one step."""

    def batch(self, progress: object) -> Batch:
        given = super().batch(progress)
        factors = given.inputs.expand(3, 1).clone()
        if getattr(progress, "step", -1) == 33:
            factors[1] = torch.nan
        return Batch(factors, given.targets)


class Listener:
    def __init__(self) -> None:
        self.reports: list[Report] = []

    def started(self, total_steps: int, step: int) -> None: ...

    def reported(self, report: Report, model: object) -> None:
        self.reports.append(report)

    def finished(self, interrupted: bool) -> None: ...


def trained(
    model: Bowl, source: Source, *, compiled: bool, **settings: object
) -> tuple[Tensor, list[Report]]:
    listener = Listener()
    trainer = Trainer(
        SCHEDULE,
        report_every=10,
        compiler=as_traced if compiled else None,
        **settings,  # type: ignore[arg-type]
    )
    trainer.fit(model, source, RandomStreams(0), callbacks=[listener])
    return model.point.place.detach().clone(), listener.reports


def assert_same(compiled: Tensor, plain: Tensor) -> None:
    torch.testing.assert_close(compiled, plain, rtol=0, atol=1e-12)  # rounding of 70 steps


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_takes_the_steps_of_the_plain_one(name: str) -> None:
    mine, reports = trained(Bowl(), Source(), compiled=True, optimizer=OPTIMIZERS[name])
    plain, expected = trained(Bowl(), Source(), compiled=False, optimizer=OPTIMIZERS[name])
    assert_same(mine, plain)
    for one, other in zip(reports, expected, strict=True):
        assert_same(one.data, other.data)
        assert_same(one.structure, other.structure)


@pytest.mark.parametrize("action", list(DivergenceAction))
def test_a_diverged_replica_leaves_the_others_untouched(action: DivergenceAction) -> None:
    mine, reports = trained(Bowl(), Poisoned(), compiled=True, divergence=action)
    plain, expected = trained(Bowl(), Poisoned(), compiled=False, divergence=action)
    assert_same(mine, plain)
    assert reports[-1].diverged.tolist() == expected[-1].diverged.tolist() == [0, 1, 0]


def test_pruning_happens_in_the_compiled_run_too() -> None:
    model = Bowl()
    trained(model, Source(), compiled=True)
    assert model.pruned == [0.1]


@cache
def uninterrupted() -> Tensor:
    return trained(Bowl(), Source(), compiled=True)[0]


@pytest.mark.parametrize("step", [0, 30, 69])
def test_resuming_after_ctrl_c_gives_the_same_result(step: int, tmp_path: Path) -> None:
    expected = uninterrupted()
    checkpoint = Checkpoint(tmp_path / "state.pt")
    source = Source()
    source.at = {step: lambda: os.kill(os.getpid(), signal.SIGINT)}
    trainer = Trainer(SCHEDULE, report_every=10, compiler=as_traced)
    result = trainer.fit(Bowl(), source, RandomStreams(0), checkpoint=checkpoint)
    assert result.steps == step + 1
    fresh = Bowl()
    trainer.fit(fresh, Source(), RandomStreams(0), checkpoint=checkpoint)
    assert_same(fresh.point.place.detach(), expected)  # each session's first step is plain


def test_ctrl_c_while_compiling_ends_training_after_the_step(tmp_path: Path) -> None:
    def slow(graph: GraphModule, examples: Sequence[Tensor]) -> GraphModule:
        os.kill(os.getpid(), signal.SIGINT)
        return graph

    trainer = Trainer(SCHEDULE, compiler=slow)
    result = trainer.fit(Bowl(), Source(), RandomStreams(0))
    assert result.interrupted
    assert result.steps == 2


def test_each_replica_may_have_its_own_learning_rate_and_structure() -> None:
    def place(rates: Tensor | float, scales: Tensor | float) -> Tensor:
        model = Bowl()
        session = Session(model, Adam, RandomStreams(0))
        Trainer({"one": Phase(1, 1e-2)}).fit(model, Source(), RandomStreams(0))
        model.point.place.grad = torch.zeros_like(model.point.place)
        session.optimizer.step()
        step = CompiledStep(session, Adam, plain_energy, 5.0, as_traced)
        for _ in range(10):
            step(Source().batch(None), rates, scales)
        return model.point.place.detach()

    rates, scales = [1e-2, 2e-2, 3e-3], [0.0, 0.5, 1.0]
    together = place(torch.tensor(rates), torch.tensor(scales))
    for replica, (rate, scale) in enumerate(zip(rates, scales, strict=True)):
        alone = place(rate, scale)[replica]
        torch.testing.assert_close(together[replica], alone, rtol=0, atol=1e-7)  # float32 rates


def test_batches_of_another_shape_get_their_own_program() -> None:
    class Growing(Source):
        def batch(self, progress: object) -> Batch:
            size = 3 if getattr(progress, "step", 0) > 20 else 1
            return Batch(super().batch(progress).inputs.expand(3, size), torch.zeros(()))

    compiled: list[GraphModule] = []

    def counting(graph: GraphModule, examples: Sequence[Tensor]) -> GraphModule:
        compiled.append(graph)
        return graph

    model = Bowl()
    Trainer(SCHEDULE, compiler=counting).fit(model, Growing(), RandomStreams(0))
    plain, _ = trained(Bowl(), Growing(), compiled=False)
    assert len(compiled) == 2
    assert_same(model.point.place.detach(), plain)


def test_parts_of_tensors_fit_what_was_compiled() -> None:
    """Compiled code takes tensors of the strides of its examples alone, which are copies."""

    class Parts(Source):
        def batch(self, progress: object) -> Batch:
            whole = super().batch(progress).inputs * torch.ones(3, 4, dtype=torch.float64)
            return Batch(whole[:, :2].sum(1, keepdim=True).expand(3, 2)[:, :1], whole[:, 1:3])

    def strict(graph: GraphModule, examples: Sequence[Tensor]) -> Callable[..., Sequence[Tensor]]:
        expected = [example.stride() for example in examples]

        def call(*tensors: Tensor) -> Sequence[Tensor]:
            assert [tensor.stride() for tensor in tensors] == expected
            found: Sequence[Tensor] = graph(*tensors)
            return found

        return call

    model = Bowl()
    Trainer(SCHEDULE, compiler=strict).fit(model, Parts(), RandomStreams(0))
    plain, _ = trained(Bowl(), Parts(), compiled=False)
    assert_same(model.point.place.detach(), plain)


@pytest.mark.parametrize("optimizer", [Rprop, ASGD])
def test_an_optimizer_not_proportional_to_its_rate_is_refused(
    optimizer: Callable[..., torch.optim.Optimizer],
) -> None:
    with pytest.raises(ConfigurationError, match="not proportional to the learning rate"):
        trained(Bowl(), Source(), compiled=True, optimizer=optimizer)


def test_an_energy_that_looks_at_its_numbers_is_refused() -> None:
    class Looking(Bowl):
        def energy(self, batch: Batch, *, generator: Generator | None = None) -> Energy:
            energy = super().energy(batch, generator=generator)
            return energy if bool((energy.data > 0).all()) else Energy(energy.data, energy.data)

    with pytest.raises(ConfigurationError, match="looks at numbers inside tensors"):
        trained(Looking(), Source(), compiled=True)


def test_an_energy_with_random_numbers_of_its_own_is_refused() -> None:
    class Own(Bowl):
        def energy(self, batch: Batch, *, generator: Generator | None = None) -> Energy:
            return super().energy(batch, generator=None)

    with pytest.raises(ConfigurationError, match="the generator given to the energy"):
        trained(Own(), Source(), compiled=True)


def test_a_machine_that_cannot_compile_is_told_what_to_do() -> None:
    def absent(graph: GraphModule, examples: Sequence[Tensor]) -> GraphModule:
        raise RuntimeError("No working C++ compiler found")

    with pytest.raises(ConfigurationError, match=r"install a C\+\+ compiler .* No working"):
        Trainer(SCHEDULE, compiler=absent).fit(Bowl(), Source(), RandomStreams(0))


def test_tracing_leaves_model_and_streams_alone() -> None:
    model = Bowl()
    with torch.no_grad():
        model.point.place.copy_(TARGET.expand(3, 3))
    mine, _ = trained(model, Source(noise=0), compiled=True)
    assert not torch.compiler.is_compiling()
    assert torch.isfinite(mine).all()
