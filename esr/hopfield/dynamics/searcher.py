"""A trainer for states of zeros and ones: it searches where gradients have nothing to say."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.dynamics.gibbs import ExternalField
from esr.hopfield.dynamics.search import SearchProgress, Solution, Watcher
from esr.hopfield.dynamics.state_model import NetworkState
from esr.hopfield.network import HopfieldNetwork
from esr.models import EnergyModel
from esr.random import RandomStreams
from esr.training import Callback, Checkpoint, DataParallel, Phase, Report, TrainingResult
from esr.training.interruption import Interruption

__all__ = ["Goal", "Search", "Searcher"]


class Search(Protocol):
    """A search such as `Annealing` or `ReplicaExchange`."""

    sweeps: int

    def solve(
        self,
        network: HopfieldNetwork,
        replicas: int,
        *,
        generator: Generator | None = None,
        start: Tensor | None = None,
        external: ExternalField | None = None,
        watcher: Watcher | None = None,
    ) -> Solution:
        """The best state each replica meets."""
        ...


@dataclass(frozen=True)
class Goal:
    """When a search may end early.

    Arguments:
        energy: What a replica has to reach.
        share: The share of replicas that have to, in [0, 1]; with 0 one is enough.
    Raises:
        ConfigurationError: If the share is out of range.
    """

    energy: float = 0.0
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigurationError(f"share must be in [0, 1], but is {self.share}")

    def reached(self, energies: Tensor) -> bool:
        """Whether enough of the energies `(R,)` are as low; a millionth is rounding."""
        there = int((energies <= self.energy + 1e-6).sum())
        return there >= max(1, self.share * len(energies))


class Searcher:
    """Lowers the energy of a `NetworkState` by a search; it has the trainer's interface.

    The states it finds are held by the model afterwards. A search that is killed and resumed
    begins anew, from the same draws, and so ends in the same result.

    Arguments:
        phases: Taken and left aside: a search has a schedule of its own.
        search: How to search.
        goal: When to end early; never unless given.
        seconds: Time after which the search ends, positive; none unless given. A result that
            the limit cut short depends on the machine's speed.
    Raises:
        ConfigurationError: If the time is not positive.
    """

    def __init__(
        self,
        phases: Mapping[str, Phase] | None,
        search: Search,
        goal: Goal | None = None,
        seconds: float | None = None,
    ) -> None:
        if seconds is not None and not seconds > 0:
            raise ConfigurationError(f"seconds must be positive, but is {seconds}")
        self.search, self.goal, self.seconds = search, goal, seconds

    def fit(
        self,
        model: EnergyModel[object],
        source: object,
        streams: RandomStreams,
        validate: object = None,
        callbacks: Sequence[Callback[object]] = (),
        checkpoint: Checkpoint | None = None,
        processes: DataParallel | None = None,
    ) -> TrainingResult:
        """Search, from states drawn among those the hard rules allow.

        Arguments:
            model: A `NetworkState`.
            source: Not used: a state needs no batch.
            streams: `search` feeds every draw.
            validate: Not used: replicas are compared by their energy.
            callbacks: Hear of progress whenever the search is watched.
            checkpoint: Not used.
            processes: Not used: a search has no batches to divide.
        Raises:
            ConfigurationError: If the model is not the state of a network.
        """
        if not isinstance(model, NetworkState):
            raise ConfigurationError(
                f"a search needs the state of a network, but the model is {type(model).__name__};"
                " choose model=network, or trainer=default for this model"
            )
        began, cpu_began = time.monotonic(), time.process_time()
        for callback in callbacks:
            callback.started(self.search.sweeps, 0)
        stopped_by_user = False
        try:
            with Interruption() as interruption:

                def watch(progress: SearchProgress) -> bool:
                    seconds = time.monotonic() - began
                    reached = self.goal is not None and self.goal.reached(progress.best_energy)
                    late = self.seconds is not None and seconds > self.seconds
                    model.hold_(progress.symbols)  # for those who look at it
                    report = _report(progress, self.search.sweeps, seconds, reached or late)
                    for callback in callbacks:
                        callback.reported(report, model)
                    return reached or late or interruption.requested

                solution = self.search.solve(
                    model.network,
                    model.replicas,
                    generator=streams["search"],
                    external=model.loss_field(),
                    watcher=watch,
                )
                stopped_by_user = interruption.requested
            model.hold_(solution.symbols)
        finally:
            model.eval()
            for callback in callbacks:
                callback.finished(stopped_by_user)
        nobody = torch.zeros(model.replicas, dtype=torch.long, device=model.internal.device)
        return TrainingResult(
            steps=solution.sweeps,
            seconds=time.monotonic() - began,
            cpu_seconds=time.process_time() - cpu_began,
            interrupted=stopped_by_user,
            active=nobody == 0,
            diverged=nobody,
            clipped=nobody,
            restarted=nobody,
        )


def _report(progress: SearchProgress, sweeps: int, seconds: float, last: bool) -> Report:
    """Progress in a trainer's words: the temperature stands where the learning rate does."""
    energy, best = progress.energy.cpu(), progress.best_energy.cpu()
    never = torch.zeros(len(energy), dtype=torch.long)
    return Report(
        step=progress.sweep,
        total_steps=progress.sweep if last else sweeps,
        phase="search",
        learning_rate=float(progress.temperature.mean()),
        structure_scale=1.0,
        data=torch.zeros_like(energy),
        structure=energy,
        validation=best,
        diverged=never,
        clipped=never,
        seconds=seconds,
        own_seconds=seconds,
        own_steps=progress.sweep,
    )
