"""Hopeless replicas start afresh; good ones, and those without time for it, never do."""

import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from bowl import TARGET, Bowl, Source
from torch import Tensor
from torch.fx import GraphModule
from torch.optim import SGD, Adam, Rprop

from esr.errors import ConfigurationError
from esr.random import RandomStreams
from esr.training import Checkpoint, DivergenceAction, Phase, Portfolio, Restarts, Trainer
from esr.training.restarts import Rungs
from esr.training.trainer import TrainingResult

SCHEDULE = {"first": Phase(12, 1e-2, structure=0), "second": Phase(8, (1e-2, 1e-3), prune=0.1)}
FAR = [[100.0] * 3] * 2
GOOD = [TARGET.tolist()] * 2


def as_traced(graph: GraphModule, examples: Sequence[Tensor]) -> GraphModule:
    return graph


def bowl(places: list[list[float]]) -> Bowl:
    model = Bowl(len(places))
    with torch.no_grad():
        model.point.place.copy_(torch.tensor(places, dtype=torch.float64))
    return model


def fitted(
    model: Bowl, source: Source | None = None, path: Path | None = None, **settings: object
) -> TrainingResult:
    trainer = Trainer(SCHEDULE, report_every=5, **settings)  # type: ignore[arg-type]
    checkpoint = Checkpoint(path) if path is not None else None
    source = Source(noise=0) if source is None else source
    return trainer.fit(model, source, RandomStreams(0), checkpoint=checkpoint)


@pytest.mark.parametrize("compiler", [None, as_traced])
def test_hopeless_replicas_restart_and_good_ones_never(compiler: object) -> None:
    model = bowl(GOOD + FAR)
    result = fitted(model, restarts=Restarts(schedules=3), compiler=compiler)
    assert result.restarted[:2].tolist() == [0, 0]
    assert result.restarted[2:].min() >= 1
    assert not result.interrupted
    assert model.point.place.abs().max() < 10  # none is where the hopeless ones were


def test_what_is_good_everywhere_ends_after_one_schedule() -> None:
    result = fitted(bowl(GOOD + GOOD), restarts=Restarts(schedules=5))
    assert (result.steps, result.interrupted) == (20, False)
    assert result.restarted.tolist() == [0] * 4


@pytest.mark.parametrize(("schedules", "restarted", "steps"), [(1.5, 0, 20), (1.55, 1, 31)])
def test_none_restarts_without_time_for_a_whole_schedule(
    schedules: float, restarted: int, steps: int
) -> None:
    """Judged in step 11: 30 - 11 steps are too few for 20, 31 - 11 are enough."""
    result = fitted(bowl(GOOD + FAR), restarts=Restarts(schedules=schedules))
    assert result.restarted.tolist() == [0, 0, restarted, restarted]
    assert result.steps == steps


@pytest.mark.parametrize("compiler", [None, as_traced])
@pytest.mark.parametrize(
    ("optimizer", "tolerance"),
    [(partial(SGD, momentum=0.9), 1e-12), (Adam, 1e-7), (partial(Adam, amsgrad=True), 1e-7)],
)  # SGD: rounding; Adam: its epsilon of 1e-8 beside gradients of about one
def test_a_restarted_replica_trains_as_a_fresh_one(
    optimizer: object, tolerance: float, compiler: object
) -> None:
    model, source, fresh = bowl(GOOD + FAR), Source(noise=0), bowl(GOOD + FAR)
    source.at = {11: lambda: fresh.load_state_dict(model.state_dict())}
    settings = {"optimizer": optimizer, "compiler": compiler}
    fitted(model, source, restarts=Restarts(schedules=1.55), **settings)
    started = fresh.point.place[2:].clone()
    fitted(fresh, **settings)
    assert not torch.isclose(fresh.point.place[2:], started).any()
    torch.testing.assert_close(
        model.point.place[2:], fresh.point.place[2:], rtol=0, atol=tolerance
    )


def test_a_restarted_replica_is_pruned_when_its_own_clock_says_so() -> None:
    model = bowl(GOOD + FAR)
    fitted(model, restarts=Restarts(schedules=1.55))
    assert model.prunings == [(12, [True, True, False, False]), (23, [False, False, True, True])]


def test_replicas_are_judged_at_a_share_of_their_own_schedule() -> None:
    model = bowl(GOOD + FAR)
    portfolio = Portfolio(pace=(1.0, 1.0, 1.0, 2.0))
    settings = {"portfolio": portfolio, "restarts": Restarts(schedules=1.2)}  # 24 steps
    assert fitted(model, **settings).restarted.tolist() == [0, 0, 0, 0]  # the fast one was first
    model = bowl([FAR[0], FAR[0], FAR[0], [200.0] * 3])
    portfolio = Portfolio(pace=(1.0, 1.0, 2.0, 2.0))
    settings = {"portfolio": portfolio, "restarts": Restarts(schedules=1.2)}
    assert fitted(model, **settings).restarted.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("action", list(DivergenceAction))
def test_a_replica_that_is_not_finite_restarts_unless_it_is_to_freeze(
    action: DivergenceAction,
) -> None:
    model = bowl(GOOD + GOOD)
    model.poison = {1: 11}  # when it is judged
    result = fitted(model, restarts=Restarts(), divergence=action)
    freezes = action is DivergenceAction.FREEZE
    assert result.restarted.tolist() == [0, 0 if freezes else 1, 0, 0]
    assert result.diverged.tolist() == [0, 1, 0, 0]
    assert result.active.tolist() == [True, not freezes, True, True]


@pytest.mark.parametrize("step", [0, 5, 6, 10, 11, 21, 29])
def test_resuming_gives_the_same_result(step: int, tmp_path: Path) -> None:
    settings = {
        "portfolio": Portfolio(learning_rate=(1.0, 3.0), pace=(1.0, 1.0, 2.0)),
        "restarts": Restarts((0.25, 0.5), keep=0.6, schedules=3),
    }
    model = bowl(FAR + GOOD + FAR)
    expected = fitted(model, Source(), **settings)
    assert (expected.steps, int(expected.restarted.sum())) == (31, 2)
    source, path = Source(), tmp_path / "state.pt"
    source.at = {step: lambda: os.kill(os.getpid(), signal.SIGINT)}
    assert fitted(bowl(FAR + GOOD + FAR), source, path, **settings).steps == step + 1
    fresh = Bowl(6)
    result = fitted(fresh, Source(), path, **settings)
    assert torch.equal(fresh.point.place, model.point.place)
    assert torch.equal(result.restarted, expected.restarted)
    assert result.steps == expected.steps
    again = fitted(fresh, Source(), path, **settings)  # nothing is left to do
    assert (again.steps, again.interrupted) == (expected.steps, False)


def test_a_checkpoint_with_other_rungs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    fitted(Bowl(), path=path, restarts=Restarts())
    with pytest.raises(ConfigurationError, match="another number of shares"):
        fitted(Bowl(), path=path, restarts=Restarts(at=(0.2, 0.5)))


def test_records_grow_and_the_line_follows() -> None:
    rungs = Rungs(Restarts(keep=0.5), torch.tensor([10, 10, 20]))

    def judged(clock: list[int], energies: list[float]) -> list[bool]:
        values = torch.tensor(energies, dtype=torch.float64)
        return rungs.judge(torch.tensor(clock), values).tolist()

    assert judged([5, 4, 9], [3.0, 0.0, 0.0]) == [False] * 3  # the first is the best so far
    assert judged([5, -1, 10], [4.0, 9.0, 2.0]) == [True, False, False]  # 2 | 3, 3 | 4
    assert judged([-1, 5, -1], [2.5, 2.5, 0.0]) == [False] * 3  # 2, 2.5 | 3, 4
    assert judged([5, 0, 0], [float("nan"), 0.0, 0.0]) == [True, False, False]
    assert rungs.records[0].tolist() == [2.0, 2.5, 3.0, 4.0, float("inf")]


def test_the_optimizer_must_be_proportional() -> None:
    with pytest.raises(ConfigurationError, match="cannot be shared by replicas of different"):
        Trainer(SCHEDULE, Rprop, restarts=Restarts())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"at": ()}, "`at` must be numbers in"),
        ({"at": (0.0,)}, "`at` must be numbers in"),
        ({"at": (0.5, 1.0)}, "`at` must be numbers in"),
        ({"at": (0.5, 0.2)}, "increasing, but are"),
        ({"at": 0.5}, "increasing, but are 0.5"),
        ({"keep": 0.0}, "share to keep must be in"),
        ({"keep": 1.1}, "share to keep must be in"),
        ({"schedules": 0.9}, "at least 1 schedule of steps, but have 0.9"),
        ({"schedules": float("inf")}, "at least 1 schedule of steps, but have inf"),
    ],
)
def test_impossible_restarts_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Restarts(**settings)  # type: ignore[arg-type]
