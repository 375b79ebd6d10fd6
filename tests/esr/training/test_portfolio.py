"""A replica of a portfolio trains as a trainer with its settings alone would."""

import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from bowl import Bowl, Source
from torch import Tensor
from torch.fx import GraphModule
from torch.optim import SGD, Adam, Rprop

from esr.errors import ConfigurationError
from esr.random import RandomStreams
from esr.training import Checkpoint, Phase, Portfolio, Trainer
from esr.training.rates import OptimizerFactory

SCHEDULE = {"first": Phase(20, 1e-2, 0.5), "second": Phase(30, (1e-2, 1e-3), (0, 1), prune=0.1)}
MIXED = Portfolio((1.0, 0.3), (1.0, 0.0, 2.0), (1.0, 0.5), (1.0, 2.0, 0.7))
OPTIMIZERS = {"adam": Adam, "sgd": partial(SGD, lr=1.0, momentum=0.9)}


def as_traced(graph: GraphModule, examples: Sequence[Tensor]) -> GraphModule:
    return graph


STEPS = [*((name, None) for name in OPTIMIZERS), ("adam", as_traced)]
"""The plain step of each optimizer, and the compiled one of one."""


def trained(
    schedule: dict[str, Phase] = SCHEDULE, model: Bowl | None = None, **settings: object
) -> Tensor:
    model = Bowl() if model is None else model
    trainer = Trainer(schedule, report_every=10, **settings)  # type: ignore[arg-type]
    trainer.fit(model, Source(), RandomStreams(0))
    return model.point.place.detach().clone()


def assert_same(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)  # rounding of 50 steps


@pytest.mark.parametrize(("name", "compiler"), STEPS)
def test_a_replica_trains_as_it_would_alone(name: str, compiler: object) -> None:
    settings = {"optimizer": OPTIMIZERS[name], "compiler": compiler}
    rates, scales, clips = (1.0, 0.3, 2.5), (1.0, 0.0, 2.0), (1.0, 0.05, 0.5)
    together = trained(portfolio=Portfolio(rates, scales, clips), **settings)
    for replica, (rate, scale, clip) in enumerate(zip(rates, scales, clips, strict=True)):
        own = {
            "first": Phase(20, 1e-2 * rate, 0.5 * scale),
            "second": Phase(30, (1e-2 * rate, 1e-3 * rate), (0, scale), prune=0.1),
        }
        alone = trained(own, clip_norm=5.0 * clip, **settings)
        assert_same(together[replica], alone[replica])


def test_all_replicas_may_be_clipped_harder() -> None:
    assert torch.equal(trained(portfolio=Portfolio(clip_norm=(0.1,))), trained(clip_norm=0.5))


@pytest.mark.parametrize(("name", "compiler"), STEPS)
def test_pace_two_is_a_schedule_of_half_the_steps(name: str, compiler: object) -> None:
    half = {"first": Phase(10, 1e-2, 0.5), "second": Phase(15, (1e-2, 1e-3), (0, 1), prune=0.1)}
    settings = {"optimizer": OPTIMIZERS[name], "compiler": compiler}
    together = trained(portfolio=Portfolio(pace=(1.0, 2.0)), **settings)
    assert_same(together[0], trained(SCHEDULE, **settings)[0])
    assert_same(together[1], trained(half, **settings)[1])  # and stayed there


def test_training_lasts_as_long_as_the_slowest_replica() -> None:
    assert Trainer(SCHEDULE, portfolio=Portfolio(pace=(1.0, 0.5, 2.0))).total_steps == 100
    result = Trainer(SCHEDULE, portfolio=Portfolio(pace=(2.0,))).fit(
        Bowl(), Source(), RandomStreams(0)
    )
    assert (result.steps, result.interrupted) == (25, False)


def test_each_replica_is_pruned_as_it_enters_the_phase() -> None:
    model = Bowl()
    trained(model=model, portfolio=Portfolio(pace=(1.0, 2.0, 0.5)))
    assert model.pruned == [0.1, 0.1, 0.1]
    assert model.prunings == [
        (10, [False, True, False]),
        (20, [True, False, False]),
        (40, [False, False, True]),
    ]


def test_a_phase_shorter_than_the_pace_is_not_skipped() -> None:
    model = Bowl()
    short = {"first": Phase(9, 1e-2), "prune": Phase(1, 1e-2, prune=0.2), "last": Phase(9, 1e-2)}
    trained(short, model, portfolio=Portfolio(pace=(3.0,)))
    assert model.prunings == [(3, None)]


@pytest.mark.parametrize(("name", "compiler"), STEPS)
def test_a_portfolio_of_ones_changes_nothing(name: str, compiler: object) -> None:
    settings = {"optimizer": OPTIMIZERS[name], "compiler": compiler}
    assert torch.equal(trained(portfolio=Portfolio(), **settings), trained(**settings))


def test_a_completed_replica_is_not_started_anew_when_a_batch_is_not_finite() -> None:
    well, ill = Bowl(), Bowl()
    ill.poison = {1: 40}
    expected = trained(model=well, portfolio=Portfolio(pace=(1.0, 2.0)))
    assert torch.equal(trained(model=ill, portfolio=Portfolio(pace=(1.0, 2.0))), expected)


@pytest.mark.parametrize("step", [0, 13, 25, 49, 70])
def test_resuming_gives_the_same_result(step: int, tmp_path: Path) -> None:
    model, expected = Bowl(), trained(portfolio=MIXED)
    source, checkpoint = Source(), Checkpoint(tmp_path / "state.pt")
    source.at = {step: lambda: os.kill(os.getpid(), signal.SIGINT)}
    trainer = Trainer(SCHEDULE, report_every=10, portfolio=MIXED)
    trainer.fit(model, source, RandomStreams(0), checkpoint=checkpoint)
    fresh = Bowl()
    trainer.fit(fresh, Source(), RandomStreams(0), checkpoint=checkpoint)
    assert torch.equal(fresh.point.place, expected)
    assert model.prunings + [(calls + step + 1, w) for calls, w in fresh.prunings] == [
        (10, [False, True, False]),
        (20, [True, False, False]),
        (29, [False, False, True]),
    ]


def test_a_checkpoint_without_clocks_is_refused(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state.pt")
    Trainer(SCHEDULE).fit(Bowl(), Source(), RandomStreams(0), checkpoint=checkpoint)
    with pytest.raises(ConfigurationError, match="only one of them has replicas with settings"):
        Trainer(SCHEDULE, portfolio=MIXED).fit(
            Bowl(), Source(), RandomStreams(0), checkpoint=checkpoint
        )


def test_the_optimizer_must_be_proportional_if_the_rates_differ() -> None:
    optimizer: OptimizerFactory = Rprop
    Trainer(SCHEDULE, optimizer, portfolio=Portfolio(structure=(0.0, 1.0)))
    with pytest.raises(ConfigurationError, match="cannot be shared by replicas of different"):
        Trainer(SCHEDULE, optimizer, portfolio=Portfolio(learning_rate=(0.5, 1.0)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": (1.0, 0.0)}, "learning_rate must be positive and finite, but has 0.0"),
        ({"structure": (-1.0,)}, "structure must be at least 0 and finite, but has -1.0"),
        ({"clip_norm": (float("nan"),)}, "clip_norm must be positive and finite, but has nan"),
        ({"pace": (float("inf"),)}, "pace must be positive and finite, but has inf"),
        ({"pace": ()}, r"pace must be a sequence of at least one factor, but is \(\)"),
        ({"pace": 2.0}, "pace must be a sequence of at least one factor, but is 2.0"),
    ],
)
def test_impossible_portfolios_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Portfolio(**settings)  # type: ignore[arg-type]
