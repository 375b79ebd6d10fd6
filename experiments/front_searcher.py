"""A trainer for equations that are searched for, not trained."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch

from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.models import EnergyModel
from esr.random import RandomStreams
from esr.search import Clock
from esr.training import Callback, Checkpoint, DataParallel, Phase, Report, TrainingResult
from esr.training.interruption import Interruption
from experiments.discoveries import Discoveries, Discovery
from experiments.front_model import FrontModel

__all__ = ["FrontSearcher"]

_TICKS = 1000
_BETWEEN_LOOKS = 0.5
_RESUMED = "resumed"

State = dict[str, object]


class FrontSearcher:
    """Has the engine of a `FrontModel` search, one replica after another; it has the trainer's
    interface, and its steps are milliseconds.

    Ctrl-C ends the search at its next look at the clock, or at the second one at once; what was
    found is kept. A search that is resumed proposes again what was found before, and goes on for
    the time that was left.

    Arguments:
        phases: Taken and left aside: a search has stages of its own.
        seconds: Time for each replica, positive; an engine may end before.
    Raises:
        ConfigurationError: If the time is not positive.
    """

    def __init__(self, phases: Mapping[str, Phase] | None = None, seconds: float = 60.0) -> None:
        if not seconds > 0:
            raise ConfigurationError(f"search.seconds must be positive, but is {seconds}")
        self.seconds = seconds

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
        """Search; the model holds what was found.

        Arguments:
            model: A `FrontModel`.
            source: Not used.
            streams: Not used: a replica has its own.
            validate: Not used: candidates are judged by the rows held out.
            callbacks: Hear of each improvement.
            checkpoint: Where what was found is saved, if anywhere.
            processes: Not used: a search is one process.
        Raises:
            ConfigurationError: If the model is of another kind.
        """
        if not isinstance(model, FrontModel):
            raise ConfigurationError(
                f"trainer=search is for engines, such as model=hopfield_search, but the model is "
                f"{type(model).__name__}"
            )
        run = _Run(model, self.seconds, callbacks, checkpoint)
        cpu_began = time.process_time()
        with Interruption() as interruption:
            interrupted = run.all(lambda: interruption.requested)
        never = torch.zeros(model.replicas, dtype=torch.long)
        return TrainingResult(
            steps=max(1, round(_TICKS * run.spent)),
            seconds=run.spent,
            cpu_seconds=time.process_time() - cpu_began,
            interrupted=interrupted,
            active=torch.tensor([model.best(r) is not None for r in range(model.replicas)]),
            diverged=never,
            clipped=never,
            restarted=never,
        )


class _Run:
    """The searches of one run.

    Arguments:
        model: Whose engine searches.
        seconds: Time for each replica.
        callbacks: Hear of each improvement.
        checkpoint: Where to save what was found.
    """

    def __init__(
        self,
        model: FrontModel,
        seconds: float,
        callbacks: Sequence[Callback[object]],
        checkpoint: Checkpoint | None,
    ) -> None:
        self._model, self._seconds = model, seconds
        self._callbacks, self._checkpoint = callbacks, checkpoint
        self._times = [0.0] * model.replicas
        self._ended = [False] * model.replicas
        self._began = 0.0
        self._replica = 0
        self._found = [Discoveries(question) for question in model.questions]
        model.found[:] = self._found

    @property
    def spent(self) -> float:
        """Seconds of all searches, those of earlier processes included."""
        return sum(self._times)

    def all(self, stopped: Callable[[], bool]) -> bool:
        """Search with every replica that has not ended; returns whether it was interrupted.

        Arguments:
            stopped: Asked again and again whether the user wants an end.
        """
        self._resume()
        total = round(_TICKS * self._seconds * self._model.replicas)
        for callback in self._callbacks:
            callback.started(total, round(_TICKS * self.spent))
        interrupted = False
        try:
            for replica in range(self._model.replicas):
                if not self._ended[replica] and not interrupted:
                    interrupted = self._one(replica, stopped)
        finally:
            self._model.eval()
            for callback in self._callbacks:
                callback.finished(interrupted)
        return interrupted

    def _one(self, replica: int, stopped: Callable[[], bool]) -> bool:
        """Search with one replica; returns whether it was interrupted."""
        self._replica, before = replica, self._times[replica]
        self._began, looked = time.monotonic() - before, 0.0
        found = self._found[replica]
        news: list[Discovery] = []
        found.begin(news.append, before)
        interrupted = False

        def enough() -> bool:
            nonlocal looked
            now = time.monotonic()
            if news or now - looked >= _BETWEEN_LOOKS:
                looked = now
                news.clear()
                self._tell()
            return stopped()

        clock = Clock(self._seconds - before, enough)
        try:
            self._model.engine.search(found.front, clock, self._model.streams[replica])
        except KeyboardInterrupt:
            interrupted = True
        interrupted |= stopped()
        self._ended[replica] = not interrupted
        self._tell()
        self._save()
        return interrupted

    def _tell(self) -> None:
        """Report how things stand, and save them if it is time."""
        self._times[self._replica] = time.monotonic() - self._began
        report = self._report()
        for callback in self._callbacks:
            callback.reported(report, self._model)
        if self._checkpoint is not None and self._checkpoint.due():
            self._save()

    def _report(self) -> Report:
        """How the search under way stands; the others are not numbers."""
        model, others = self._model, torch.arange(self._model.replicas) != self._replica
        remaining = zip(self._times, self._ended, strict=True)
        left = sum(max(0.0, self._seconds - time) for time, ended in remaining if not ended)
        data = model.errors(validation=False).masked_fill(others, torch.nan)
        never = torch.zeros(model.replicas, dtype=torch.long)
        step = max(1, round(_TICKS * self.spent))
        proposals = float(self._found[self._replica].front.proposals)
        return Report(
            step=step,
            total_steps=step + round(_TICKS * left),
            phase=model.names[self._replica],
            learning_rate=0.0,
            structure_scale=0.0,
            data=data,
            structure=torch.zeros_like(data),
            validation=model.errors(validation=True).masked_fill(others, torch.nan),
            diverged=never,
            clipped=never,
            seconds=self.spent,
            own_seconds=self.spent,
            own_steps=step,
            tallies={
                "complexity": model.complexities(),
                "proposals": torch.full_like(data, proposals),
            },
        )

    def _save(self) -> None:
        if self._checkpoint is None:
            return
        fronts = [
            [(str(c.expression), found.seconds_of(c)) for c in found.front.candidates]
            for found in self._found
        ]
        self._checkpoint.save({"times": self._times, "ended": self._ended, "fronts": fronts})

    def _resume(self) -> None:
        """Begin each replica's front, with what a checkpoint knows of it."""
        state = None if self._checkpoint is None else self._checkpoint.load()
        fronts: list[list[tuple[str, float]]] = [[] for _ in range(self._model.replicas)]
        if state is not None:
            self._times = list(state["times"])  # type: ignore[call-overload]
            self._ended = list(state["ended"])  # type: ignore[call-overload]
            fronts = state["fronts"]  # type: ignore[assignment]
        for question, found, known in zip(self._model.questions, self._found, fronts, strict=True):
            for text, seconds in known:
                found.begin(before=seconds)
                expression = Expression.parse(text, variables=question.variables)
                found.front.propose(expression, _RESUMED, refit=False)
