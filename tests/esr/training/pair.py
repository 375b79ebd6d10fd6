"""Two processes that train together: `python pair.py FOLDER` saves what came out of each."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
import torch.distributed as dist
from bowl import Bowl, Source
from torch import Generator, Tensor, nn
from torch.optim import SGD

from esr.errors import ConfigurationError, TrainingError
from esr.models import Batch, BatchT, Energy, EnergyModel
from esr.random import RandomStreams
from esr.training import (
    Checkpoint,
    DataParallel,
    DivergenceAction,
    Phase,
    Progress,
    Restarts,
    Share,
    Trainer,
    TrainingResult,
)

STEPS = 30
PHASES = {"search": Phase(20, 1e-2), "prune": Phase(10, (1e-2, 1e-3), structure=0, prune=0.1)}
Results = dict[str, object]


class Slope(EnergyModel[Batch]):
    """y = w x + v x^2 per replica. `rare` is used only if a batch has an input below zero, `idle`
    never. It keeps the first inputs of the last batch, by which pruning changes the weights."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__(2)
        start = torch.tensor([[0.5, 1.0], [-4.0, 3.0]], dtype=torch.float64)
        self.weights = nn.Parameter(start)
        self.rare = nn.Parameter(torch.ones(2, 1, dtype=torch.float64))
        self.idle = nn.Parameter(torch.ones(2, 1, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros(8, 1, dtype=torch.float64)[::2])

    def energy(self, batch: Batch, *, generator: Generator | None = None) -> Energy:
        x, y = batch
        if self.training:
            self.seen.copy_(x[:4])
        found = self.weights[:, :1] * x[:, 0] + self.weights[:, 1:] * x[:, 0].square()
        data = (found - y[:, 0]).square().mean(1)
        if bool((x < 0).any()):
            data = data + (x < 0).double().mean() * self.rare[:, 0].square()
        return Energy(data, self.weights.abs().sum(1))

    @torch.no_grad()
    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        self.weights *= self.seen.mean().cos()


class Points:
    """Batches of eight points, of which a share is given."""

    def __init__(self, share: Share) -> None:
        self.share = share

    def batch(self, progress: Progress) -> Batch:
        place = torch.linspace(-1, 1, 8, dtype=torch.float64)[:, None]
        inputs = (3 * place + progress.step).sin()
        rows = self.share.rows(len(inputs))
        return Batch(inputs[rows], (inputs + 0.3)[rows])


class Listener:
    def __init__(self) -> None:
        self.told = 0

    def started(self, total_steps: int, step: int) -> None:
        self.told += 1

    def reported(self, report: object, model: object) -> None:
        self.told += 1

    def finished(self, interrupted: bool) -> None:
        self.told += 1


def optimizer_with_memory(parameters: Sequence[nn.Parameter]) -> SGD:
    """One under which a gradient of zero is not the same as none."""
    return SGD(parameters, lr=1.0, momentum=0.5, weight_decay=0.1)


def state(model: nn.Module, result: TrainingResult) -> Results:
    counts = {name: getattr(result, name) for name in ("diverged", "clipped", "restarted")}
    return {**model.state_dict(), **counts, "steps": result.steps, "active": result.active}


def fitted(share: Share, processes: DataParallel | None) -> Results:
    """A model trained on shares of every batch."""
    model = Slope()
    if share.rank > 0:
        nn.init.zeros_(model.weights)  # to be overwritten
        nn.init.zeros_(model.seen)
    trainer = Trainer(PHASES, optimizer_with_memory, clip_norm=2.0, report_every=10)
    streams = RandomStreams(0)
    result = trainer.fit(model, Points(share), streams, processes=processes)
    return state(model, result)


def bowl(
    source: Source,
    processes: DataParallel,
    checkpoint: Checkpoint | None = None,
    **settings: object,
) -> Results:
    """A bowl with noise of each process's own."""
    model = Bowl()
    trainer = Trainer(PHASES, report_every=5, **settings)  # type: ignore[arg-type]
    result = trainer.fit(
        model, source, RandomStreams(0), checkpoint=checkpoint, processes=processes
    )
    return state(model, result)


def poisoned(processes: DataParallel, action: DivergenceAction) -> Results:
    """A replica has no energy in the second process, once."""
    model = Bowl()
    if not processes.first:
        model.poison = {1: 7}
    trainer = Trainer(PHASES, divergence=action, report_every=5)
    return state(model, trainer.fit(model, Source(), RandomStreams(0), processes=processes))


def interrupted(processes: DataParallel, folder: Path) -> tuple[Results, Results]:
    """The second process alone is asked to end; both end, and go on."""
    saved = Checkpoint(folder / f"bowl-{processes.share.rank}.pt")
    asked = Source()
    if not processes.first:
        asked.at = {11: partial(os.kill, os.getpid(), signal.SIGINT)}
    stopped = bowl(asked, processes, saved)
    dist.barrier()  # the first process has saved
    shared = Checkpoint(folder / "bowl-0.pt")
    return stopped, bowl(Source(), processes, shared)


def draws(processes: DataParallel) -> Tensor:
    """What an objective draws in two steps."""
    drawn: list[Tensor] = []

    def objective(model: EnergyModel[BatchT], batch: BatchT, *, generator: Generator) -> Energy:
        drawn.append(torch.rand((), generator=generator))
        return model.energy(batch, generator=generator)

    trainer = Trainer({"only": Phase(2, 1e-2)}, objective=objective)
    trainer.fit(Bowl(), Source(), RandomStreams(0), processes=processes)
    return torch.stack(drawn)


def refusal(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except (ConfigurationError, TrainingError) as error:
        return str(error)
    return ""


def reports(processes: DataParallel) -> int:
    """How often listeners and validation were called."""
    listener = Listener()

    def validate(model: EnergyModel[Batch]) -> Tensor:
        listener.told += 1
        return torch.zeros(3)

    trainer, streams = Trainer(PHASES, report_every=10), RandomStreams(0)
    trainer.fit(Bowl(), Source(), streams, validate, [listener], processes=processes)
    return listener.told


def results(processes: DataParallel, folder: Path) -> Results:
    never = Trainer(PHASES, compiler=lambda graph, examples: graph)
    stopped, resumed = interrupted(processes, folder)
    return {
        "fitted": fitted(processes.share, processes),
        "noisy": bowl(Source(), processes),
        "stopped": stopped,
        "resumed": resumed,
        "restarted": bowl(Source(5.0), processes, restarts=Restarts()),
        "reinitialised": poisoned(processes, DivergenceAction.REINITIALISE),
        "frozen": poisoned(processes, DivergenceAction.FREEZE),
        "draws": draws(processes),
        "reports": reports(processes),
        "compiled": refusal(
            lambda: never.fit(Bowl(), Source(), RandomStreams(0), processes=processes)
        ),
        "apart": refusal(lambda: processes.align(Bowl(), processes.share.rank)),
        "total": processes.total(processes.share.rank + 1.5),
    }


def main(folder: Path) -> int:
    torch.set_num_threads(1)
    SGD([torch.zeros(1)], lr=1.0)  # torch imports much when it makes its first optimizer
    other = os.fork()  # so that what takes longest, to import, is done once
    rank = 1 if other == 0 else 0
    place = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", init_method=place, rank=rank, world_size=2)
    torch.save(results(DataParallel(), folder), folder / f"{rank}.pt")
    dist.destroy_process_group()
    return os.waitpid(other, 0)[1] if rank == 0 else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
