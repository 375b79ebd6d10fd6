"""How often each replica's gradient was clipped is counted, compiled or not, and survives."""

import os
import signal
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest
import torch
from bowl import TARGET, Bowl, Source
from torch import Generator, Tensor
from torch.fx import GraphModule
from torch.optim import SGD

from esr.errors import ConfigurationError
from esr.models import Batch, Energy
from esr.random import RandomStreams
from esr.training import Checkpoint, DivergenceAction, Phase, Portfolio, Report, Trainer
from esr.training.trainer import TrainingResult

RATE = 0.1
LIMIT = 1.0
STEPS = 30
SCHEDULE = {"only": Phase(STEPS, RATE, structure=0)}


def as_traced(graph: GraphModule, examples: Sequence[Tensor]) -> GraphModule:
    return graph


class Listener:
    def __init__(self) -> None:
        self.reports: list[Report] = []

    def started(self, total_steps: int, step: int) -> None: ...

    def reported(self, report: Report, model: object) -> None:
        self.reports.append(report)

    def finished(self, interrupted: bool) -> None: ...


class Counting(Bowl):
    """A bowl that tallies how often the energy of each replica was above 0.2."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("above", torch.zeros(3, dtype=torch.long))

    def energy(self, batch: Batch, *, generator: Generator | None = None) -> Energy:
        energy = super().energy(batch, generator=generator)
        self.above += energy.data.detach() > 0.2
        return energy

    def tallies(self) -> Mapping[str, Tensor]:
        return {"above": self.above}


def fitted(
    model: Bowl, source: Source | None = None, path: Path | None = None, **settings: object
) -> tuple[TrainingResult, list[Report]]:
    settings = {"clip_norm": LIMIT, "optimizer": partial(SGD, lr=1.0), **settings}
    listener = Listener()
    trainer = Trainer(SCHEDULE, report_every=10, **settings)  # type: ignore[arg-type]
    result = trainer.fit(
        model,
        Source(noise=0) if source is None else source,
        RandomStreams(0),
        callbacks=[listener],
        checkpoint=Checkpoint(path) if path is not None else None,
    )
    return result, listener.reports


def bowl() -> Bowl:
    """Replicas at distances from the optimum: far beyond what 30 steps go, some way, near."""
    model = Bowl()
    with torch.no_grad():
        for replica, distance in enumerate((1e3, 2.25, 0.4)):
            model.point.place[replica] = TARGET * (1 + distance / TARGET.norm())
    return model


def clipped_steps(distance: float, limit: float = LIMIT) -> int:
    """Steps of descent on |p - t|^2 whose gradient, 2 |p - t|, is longer than the limit."""
    count = 0
    for _ in range(STEPS):
        count += 2 * distance > limit
        distance -= RATE * min(2 * distance, limit)
    return count


@pytest.mark.parametrize("compiler", [None, as_traced])
def test_the_steps_in_which_a_gradient_was_too_long_are_counted(compiler: object) -> None:
    result, reports = fitted(bowl(), compiler=compiler)
    assert result.clipped.tolist() == [STEPS, clipped_steps(2.25), 0]
    assert 10 < clipped_steps(2.25) < 20
    counts = [report.clipped.tolist() for report in reports]
    assert counts == [[10, 10, 0], [20, clipped_steps(2.25), 0], result.clipped.tolist()]
    assert reports[0].tallies == {}


@pytest.mark.parametrize("compiler", [None, as_traced])
def test_each_replica_is_held_against_its_own_limit(compiler: object) -> None:
    portfolio = Portfolio(clip_norm=(1.0, 0.5, 0.5))
    result, _ = fitted(bowl(), compiler=compiler, portfolio=portfolio)
    expected = [STEPS, clipped_steps(2.25, 0.5), clipped_steps(0.4, 0.5)]
    assert result.clipped.tolist() == expected
    assert expected[2] > 0


def test_without_a_limit_nothing_is_counted() -> None:
    result, _ = fitted(bowl(), clip_norm=float("inf"))
    assert result.clipped.tolist() == [0, 0, 0]


@pytest.mark.parametrize("compiler", [None, as_traced])
@pytest.mark.parametrize("action", list(DivergenceAction))
def test_a_gradient_that_is_not_finite_does_not_count(
    action: DivergenceAction, compiler: object
) -> None:
    class Poisoned(Source):
        """Inputs of which the first replica's are infinite in the sixth step."""

        def batch(self, progress: object) -> Batch:
            inputs = torch.zeros(3, 1, dtype=torch.float64)
            if getattr(progress, "step", -1) == 5:
                inputs[0] = torch.inf
            return Batch(inputs, torch.zeros(()))

    result, reports = fitted(bowl(), Poisoned(), compiler=compiler, divergence=action)
    assert result.diverged.tolist() == [1, 0, 0]
    assert reports[0].clipped.tolist() == [9, 10, 0]  # of ten; it is cared for after the tenth
    if action is DivergenceAction.FREEZE:
        assert result.clipped.tolist() == [9, clipped_steps(2.25), 0]


def test_a_completed_replica_is_no_longer_counted() -> None:
    with torch.no_grad():
        model = Bowl()
        model.point.place.fill_(1e3)
    result, _ = fitted(model, portfolio=Portfolio(pace=(1.0, 2.0, 1.0)))
    assert result.clipped.tolist() == [STEPS, STEPS // 2, STEPS]


@pytest.mark.parametrize(
    ("step", "compiler"), [*((step, None) for step in (0, 7, 14, STEPS - 1)), (7, as_traced)]
)
def test_resuming_gives_the_same_counts(step: int, compiler: object, tmp_path: Path) -> None:
    def noisy() -> Source:
        return Source(noise=3.0)

    expected, reports = fitted(Counting(), noisy(), compiler=compiler)
    source, path = noisy(), tmp_path / "state.pt"
    source.at = {step: lambda: os.kill(os.getpid(), signal.SIGINT)}
    fitted(Counting(), source, path, compiler=compiler)
    fresh = Counting()
    result, resumed = fitted(fresh, noisy(), path, compiler=compiler)
    assert torch.equal(result.clipped, expected.clipped)
    assert expected.clipped.min() > 0
    assert expected.clipped.max() < STEPS
    for mine, theirs in zip(reversed(resumed), reversed(reports), strict=False):
        assert torch.equal(mine.clipped, theirs.clipped)
        assert torch.equal(mine.tallies["above"], theirs.tallies["above"])


@pytest.mark.parametrize("compiler", [None, as_traced])
def test_a_report_keeps_the_tallies_of_its_moment(compiler: object) -> None:
    model = Counting()
    _, reports = fitted(model, Source(noise=3.0), compiler=compiler)
    tallies = torch.stack([report.tallies["above"] for report in reports])
    assert torch.equal(tallies[-1], model.above)
    assert (tallies.diff(dim=0) > 0).all()


def test_a_checkpoint_from_before_clips_were_counted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"format": 1, "identity": "", "state": {}}, path)
    with pytest.raises(ConfigurationError, match="not a checkpoint of format 2; delete it"):
        fitted(Bowl(), path=path)
