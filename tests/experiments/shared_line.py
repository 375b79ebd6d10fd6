"""A task whose batches can be divided among processes: points on a line."""

import os
import signal
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from esr.models import Batch, EnergyModel
from esr.random import RandomStreams
from esr.training import Callback, Phase, Progress, Share
from experiments.tasks.task import Conclusion, Contender, ModelFactory


class SharedLine:
    """y = 2x - 1 in double precision.

    Arguments:
        phases: The schedule.
        interrupt_at: Step at which a process is asked to end, once; none unless given.
        interrupt_rank: Rank of that process.
    """

    callbacks: Sequence[Callback[Batch]] = ()

    def __init__(
        self, phases: Mapping[str, Phase], interrupt_at: int = -1, interrupt_rank: int = 1
    ) -> None:
        self.phases = dict(phases)
        self.interrupt_at, self.interrupt_rank = interrupt_at, interrupt_rank
        self._share = Share(0, 1)

    def share(self, share: Share) -> None:
        self._share = share

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        inputs = torch.linspace(-1, 1, 24, dtype=torch.float64, device=device)[:, None]
        self.points = Batch(inputs, 2 * inputs - 1)
        print(f"prepared by process {self._share.rank}")

    def build(
        self, make_model: ModelFactory, replicas: int, streams: RandomStreams
    ) -> EnergyModel[Batch]:
        model = make_model(
            in_features=1, out_features=1, replicas=replicas, generator=streams["init"]
        )
        return model.double()

    def batch(self, progress: Progress) -> Batch:
        if (progress.step, self._share.rank) == (self.interrupt_at, self.interrupt_rank):
            os.kill(os.getpid(), signal.SIGINT)
        inputs, targets = (values[progress.step % 3 :: 3] for values in self.points)
        own = self._share.rows(len(inputs))
        return Batch(inputs[own], targets[own])

    def validate(self, model: EnergyModel[Batch]) -> Tensor:
        return model.energy(self.points).data.detach()

    def describe(self, model: EnergyModel[Batch], replica: int) -> Mapping[str, str]:
        return {}

    def conclude(
        self, found: Contender[Batch], reference: Contender[Batch] | None = None
    ) -> Conclusion:
        error = float(self.validate(found.model).min())
        return Conclusion({"error": error}, summary=[("error", f"{error:.3g}")])
