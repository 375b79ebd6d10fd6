"""What the log writes of the best replica at each report."""

from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from esr.training import Report
from experiments.tasks.task import Conclusion
from experiments.tensorboard import TensorBoardLog


def report(step: int, validation: Tensor, clipped: Tensor, tally: Tensor) -> Report:
    return Report(
        step=step,
        total_steps=20,
        phase="only",
        learning_rate=0.1,
        structure_scale=1.0,
        data=torch.zeros(3),
        structure=torch.zeros(3),
        validation=validation,
        diverged=torch.zeros(3, dtype=torch.long),
        clipped=clipped,
        seconds=1.0,
        own_seconds=1.0,
        own_steps=step,
        tallies={"inner_clips": tally},
    )


def test_clips_are_shares_and_tallies_counts_of_the_best_replica(tmp_path: Path) -> None:
    log: TensorBoardLog[object] = TensorBoardLog(tmp_path, lambda model, replica: {})
    log.started(20, 0)
    model = object()
    first, second = torch.tensor([3, 5, 0]), torch.tensor([4, 5, 10])
    log.reported(report(10, torch.tensor([2.0, 1.0, 3.0]), first, first + 2), model)  # type: ignore[arg-type]
    log.reported(report(20, torch.tensor([2.0, 1.0, 0.5]), second, second * 7), model)  # type: ignore[arg-type]
    log.finished(False)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    logged = {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in ("replicas/clipped", "tallies/inner_clips")
    }
    assert logged == {
        "replicas/clipped": [(10, 0.5), (20, 0.5)],
        "tallies/inner_clips": [(10, 7.0), (20, 70.0)],
    }


def test_curves_have_steps_of_their_own(tmp_path: Path) -> None:
    log: TensorBoardLog[object] = TensorBoardLog(tmp_path, lambda model, replica: {})
    log.started(20, 0)
    points = [(0, 4.0), (1, 2.0), (100, 1.0)]
    log.conclude(Conclusion({"error": 1.0}, curves={"adaptation/in_mean": points}), {}, 20)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    logged = [(event.step, event.value) for event in events.Scalars("adaptation/in_mean")]
    assert logged == points
