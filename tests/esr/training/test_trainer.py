import os
import signal
from functools import partial
from pathlib import Path

import pytest
import torch
from bowl import TARGET, Bowl, Source
from torch import nn
from torch.optim import SGD

from esr.errors import ConfigurationError, TrainingError
from esr.models import Batch, EnergyModel
from esr.random import RandomStreams
from esr.training import Checkpoint, DivergenceAction, Phase, Report, Trainer

SCHEDULE = {"first": Phase(40, 1e-2, structure=0), "second": Phase(60, (1e-2, 1e-3), prune=0.1)}


class Listener:
    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.ended: list[bool] = []

    def started(self, total_steps: int, step: int) -> None:
        self.begun = (total_steps, step)

    def reported(self, report: Report, model: EnergyModel[Batch]) -> None:
        assert not model.training
        self.reports.append(report)

    def finished(self, interrupted: bool) -> None:
        self.ended.append(interrupted)


def trained(model: Bowl, source: Source | None = None, **settings: object) -> torch.Tensor:
    trainer = Trainer(SCHEDULE, report_every=10, **settings)  # type: ignore[arg-type]
    trainer.fit(model, source or Source(), RandomStreams(0))
    return model.point.place.detach().clone()


def test_reaches_the_known_optimum_with_and_without_structure() -> None:
    for scale in (0.0, 1.0):
        model = Bowl()
        schedule = {"only": Phase(1000, (0.1, 1e-4), structure=scale)}
        Trainer(schedule).fit(model, Source(noise=0), RandomStreams(0))
        # minimum of |p - t|^2 + s |p|^2 is t / (1 + s)
        expected = (TARGET / (1 + scale)).expand(3, 3)
        torch.testing.assert_close(model.point.place.detach(), expected, atol=1e-6, rtol=0)


def test_same_seed_gives_the_same_result() -> None:
    assert torch.equal(trained(Bowl()), trained(Bowl()))


@pytest.mark.parametrize("action", list(DivergenceAction))
def test_a_diverged_replica_leaves_the_others_untouched(action: DivergenceAction) -> None:
    healthy, ill = Bowl(), Bowl()
    ill.poison = {1: 33}
    listener = Listener()
    trainer = Trainer(SCHEDULE, report_every=10, divergence=action)
    expected = trained(healthy)
    result = trainer.fit(ill, Source(), RandomStreams(0), callbacks=[listener])
    place = ill.point.place.detach()
    assert torch.equal(place[[0, 2]], expected[[0, 2]])
    assert not torch.equal(place[1], expected[1])
    assert result.diverged.tolist() == [0, 1, 0]
    assert result.active.tolist() == [True, action is DivergenceAction.REINITIALISE, True]
    assert listener.reports[-1].diverged.tolist() == [0, 1, 0]
    assert torch.isfinite(place).all()


def test_a_frozen_replica_stays_where_it_was() -> None:
    model = Bowl()
    model.poison = {1: 40}
    places = []
    source = Source()
    source.at = dict.fromkeys(range(41, 100), lambda: places.append(model.point.place[1].tolist()))
    trainer = Trainer(SCHEDULE, report_every=10, divergence=DivergenceAction.FREEZE)
    trainer.fit(model, source, RandomStreams(0))
    assert all(place == places[0] for place in places)


def test_training_stops_when_every_replica_is_frozen() -> None:
    model = Bowl(replicas=2)
    model.poison = {0: 5, 1: 15}
    trainer = Trainer(SCHEDULE, report_every=10, divergence=DivergenceAction.FREEZE)
    with pytest.raises(TrainingError, match="all 2 replicas became non-finite by step 20"):
        trainer.fit(model, Source(), RandomStreams(0))


def test_clipping_limits_each_replica_alone() -> None:
    model = Bowl(replicas=2)
    with torch.no_grad():
        model.point.place[1] = TARGET + 1e-3
    before = model.point.place.detach().clone()
    schedule = {"only": Phase(1, 1.0, structure=0)}
    trainer = Trainer(schedule, optimizer=partial(SGD, lr=1.0), clip_norm=0.5)
    trainer.fit(model, Source(noise=0), RandomStreams(0))
    moved = model.point.place.detach() - before
    assert moved[0].norm().item() == pytest.approx(0.5)  # clipped
    torch.testing.assert_close(moved[1], torch.full((3,), -2e-3, dtype=torch.float64))


def test_a_phase_prunes_once_as_it_begins() -> None:
    model = Bowl()
    trained(model)
    assert model.pruned == [0.1]


def test_ctrl_c_keeps_the_work_and_resuming_gives_the_same_result(tmp_path: Path) -> None:
    expected = trained(Bowl())
    for step in (0, 17, 40, 99):
        checkpoint = Checkpoint(tmp_path / f"{step}.pt")
        source, listener, model = Source(), Listener(), Bowl()
        source.at = {step: lambda: os.kill(os.getpid(), signal.SIGINT)}
        trainer = Trainer(SCHEDULE, report_every=10)
        result = trainer.fit(
            model, source, RandomStreams(0), callbacks=[listener], checkpoint=checkpoint
        )
        assert result.steps == step + 1
        assert result.interrupted == (step < 99)
        assert listener.ended == [result.interrupted]
        fresh = Bowl()
        trainer.fit(fresh, Source(), RandomStreams(0), checkpoint=checkpoint)
        assert torch.equal(fresh.point.place, expected)


@pytest.mark.parametrize("step", [1, 33, 34, 77])
def test_a_killed_run_resumes_to_the_same_result(step: int, tmp_path: Path) -> None:
    def killed() -> None:
        raise MemoryError("killed")

    poisoned = Bowl()
    poisoned.poison = {1: 33}
    expected = trained(poisoned)
    checkpoint = Checkpoint(tmp_path / "state.pt", every_seconds=0)
    source, model = Source(), Bowl()
    model.poison = {1: 33}
    source.at = {step: killed}
    trainer = Trainer(SCHEDULE, report_every=10)
    with pytest.raises(MemoryError):
        trainer.fit(model, source, RandomStreams(0), checkpoint=checkpoint)
    fresh = Bowl()
    fresh.poison = {1: 33}
    fresh.calls = step
    trainer.fit(fresh, Source(), RandomStreams(0), checkpoint=checkpoint)
    assert torch.equal(fresh.point.place, expected)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    trainer = Trainer(SCHEDULE)
    trainer.fit(Bowl(), Source(), RandomStreams(0), checkpoint=Checkpoint(path, identity="a"))
    with pytest.raises(ConfigurationError, match="written by a run with other settings"):
        trainer.fit(Bowl(), Source(), RandomStreams(0), checkpoint=Checkpoint(path, identity="b"))
    other = Checkpoint(path, identity="a")
    with pytest.raises(ConfigurationError, match="does not fit this model"):
        trainer.fit(Bowl(replicas=5), Source(), RandomStreams(0), checkpoint=other)


def test_a_file_that_is_no_checkpoint_is_refused_unread(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, (str(tmp_path / "made"),))

    path = tmp_path / "state.pt"
    torch.save({"format": 1, "state": Evil()}, path)
    with pytest.raises(ConfigurationError, match="cannot be read as a checkpoint"):
        Checkpoint(path).load()
    assert not (tmp_path / "made").exists()
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ConfigurationError, match="delete it to start over"):
        Checkpoint(path).load()


def test_parameters_must_lead_with_the_replicas() -> None:
    model = Bowl()
    model.stray = nn.Parameter(torch.zeros(7))
    with pytest.raises(ConfigurationError, match=r"'stray' has shape \(7,\).* 3 replicas"):
        Trainer(SCHEDULE).fit(model, Source(), RandomStreams(0))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one phase"):
        Trainer({})
    with pytest.raises(ConfigurationError, match="clip_norm must be positive"):
        Trainer(SCHEDULE, clip_norm=0)


def test_reports_tell_the_phase_and_the_best_replica() -> None:
    listener = Listener()
    model = Bowl()
    trainer = Trainer(SCHEDULE, report_every=25)
    trainer.fit(
        model,
        Source(),
        RandomStreams(0),
        validate=lambda m: torch.tensor([3.0, float("nan"), 2.0]),
        callbacks=[listener],
    )
    assert [(r.step, r.phase) for r in listener.reports] == [
        (25, "first"), (50, "second"), (75, "second"), (100, "second"),
    ]  # fmt: skip
    assert listener.reports[0].best_replica == 2
    assert listener.reports[0].remaining_seconds > 0
    assert listener.begun == (100, 0)
