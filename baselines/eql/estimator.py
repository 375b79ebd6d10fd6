"""The equation learner as an estimator: rows in, one expression out, within a time budget."""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import Generator, Tensor

from esr.equations import Expression, TimeLimitExceeded, run_with_time_limit
from esr.errors import ConfigurationError, DataError, TrainingError
from esr.finishing import Candidate, choose, finish_readings, pareto_front, rounding_floor
from esr.models import Batch, EnergyModel, SymbolicModel
from esr.problem import Problem
from esr.random import RandomStreams
from esr.training import Phase, Report, Trainer

__all__ = ["EQLEstimator", "SymbolicModelFactory"]

_TRAINING_SHARE = 0.7
_REPORT_EVERY = 25
_RIGHT = 1e-3


class SymbolicModelFactory(Protocol):
    """Makes a model that can be read, for a number of inputs."""

    def __call__(
        self, *, in_features: int, out_features: int, replicas: int, generator: Generator
    ) -> SymbolicModel:
        """A model from `in_features` inputs to `out_features` outputs."""
        ...


class EQLEstimator:
    """Trains replicas of an equation learner, finishes the best and chooses among them.

    A share of the rows is held out: it ranks the replicas, judges the equations on the way of
    their elimination, and chooses on the Pareto front. Training that is not over after 70% of
    the budget is cut off, pruned and read as it stands.

    Arguments:
        model: Makes the model, such as `configs/model/eql_paper_l05.yaml` describes.
        phases: The schedule of training.
        seed: Determines the held-out rows and every draw of training.
        seconds: Budget of wall-clock time, above 0.
        replicas: How many are trained side by side.
        finalists: How many of the best replicas are finished, as far as time allows.
        held_out: Share of the rows that is held out, above 0 and below 1.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    def __init__(
        self,
        model: SymbolicModelFactory,
        phases: Mapping[str, Phase],
        seed: int,
        seconds: float,
        replicas: int = 20,
        finalists: int = 6,
        held_out: float = 0.25,
    ) -> None:
        if not seconds > 0 or replicas < 1 or finalists < 1 or not 0 < held_out < 1:
            raise ConfigurationError(
                "seconds must be above 0, replicas and finalists at least 1 and held_out between "
                f"0 and 1, but they are {seconds}, {replicas}, {finalists} and {held_out}"
            )
        self._make_model, self._trainer = model, Trainer(phases, report_every=_REPORT_EVERY)
        self._streams, self._seconds = RandomStreams(seed), seconds
        self._replicas, self._finalists, self._held_out = replicas, finalists, held_out
        self.front: tuple[Expression, ...] = ()
        self.details: dict[str, float] = {}

    def fit(self, inputs: Tensor, targets: Tensor, variables: Sequence[str]) -> "EQLEstimator":
        """Train, finish and choose.

        Arguments:
            inputs: Shape `(N, D)`.
            targets: Shape `(N,)`.
            variables: D names.
        Raises:
            DataError: If there are fewer than two rows, or a value is not finite.
            TrainingError: If every replica diverged, or none can be read as an equation.
        """
        clock = _Clock(self._seconds)
        training, validation = self._split(inputs.double(), targets.double(), variables)
        model = self._make_model(
            in_features=inputs.shape[1],
            out_features=1,
            replicas=self._replicas,
            generator=self._streams["init"],
        )
        finished = self._train(model, training, clock)
        model = model.double().eval()
        with torch.no_grad():
            errors = model.energy(validation.batch(None)).data.nan_to_num(nan=torch.inf)  # (R,)
        order = [r for r in errors.argsort().tolist() if bool(errors[r].isfinite())]
        if not order:
            raise TrainingError("no replica has a finite error; lower the learning rates")
        readings = [row[0] for row in model.expressions(variables)]
        best = [readings[replica] for replica in order[: self._finalists]]
        candidates = self._finish(best, training, validation, clock)
        front = pareto_front(candidates)
        floor = rounding_floor(training.targets[:, 0])
        self._variables = tuple(variables)
        self._expression = choose(front, len(validation.targets), floor).expression
        self.front = tuple(candidate.expression for candidate in front)
        right = errors < _RIGHT * validation.targets.var()
        self.details = {
            "replicas_right": float(right.double().mean()),
            "training_finished": float(finished),
            "training_seconds": clock.training_seconds,
        }
        return self

    @property
    def expression(self) -> Expression:
        """The expression chosen by `fit`."""
        return self._expression

    def predict(self, inputs: Tensor) -> Tensor:
        """Values `(N,)` of the expression for inputs `(N, D)`."""
        columns = inputs.double().unbind(1)
        return self._expression.evaluate(dict(zip(self._variables, columns, strict=True)))

    def _split(
        self, inputs: Tensor, targets: Tensor, variables: Sequence[str]
    ) -> tuple[Problem, Problem]:
        """Training and held-out rows."""
        if len(inputs) < 2:
            raise DataError(f"at least 2 rows are needed, but there are {len(inputs)}")
        order = torch.randperm(len(inputs), generator=self._streams["split"])
        held = min(max(1, round(self._held_out * len(inputs))), len(inputs) - 1)
        parts = [
            Problem(inputs[rows], targets[rows, None], variables)
            for rows in (order[held:], order[:held])
        ]
        return parts[0], parts[1]

    def _train(self, model: SymbolicModel, training: Problem, clock: "_Clock") -> bool:
        """Train in float32; returns whether there was time for the whole schedule."""
        dtype = next(model.parameters()).dtype
        batch = Batch(training.inputs.to(dtype), training.targets.to(dtype))
        try:
            self._trainer.fit(model, _Rows(batch), self._streams, callbacks=[clock])
        except _OutOfTime:
            prunes = [p.prune for p in self._trainer.phases.values() if p.prune is not None]
            model.prune(max(prunes, default=0.0))
            return False
        finally:
            clock.stop_training()
        return True

    def _finish(
        self,
        readings: Sequence[Expression],
        training: Problem,
        validation: Problem,
        clock: "_Clock",
    ) -> list[Candidate]:
        """The fronts of the readings that there is time for, best replica first."""
        candidates: list[Candidate] = []
        for reading in readings:
            remaining = clock.remaining
            if remaining <= 0 and candidates:
                break
            finish = partial(finish_readings, [reading], training, validation)
            try:
                front = run_with_time_limit(finish, max(remaining, 1.0)).front
            except (TimeLimitExceeded, DataError):
                continue
            candidates += front
        if not candidates:
            raise TrainingError(f"no equation was finished within {self._seconds:g} seconds")
        return candidates


class _OutOfTime(Exception):  # noqa: N818 - it says what happened, like KeyboardInterrupt
    """Training has used up its share of the budget."""


class _Rows:
    """All rows at each step."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def batch(self, progress: object) -> Batch:
        """All rows, whatever the progress."""
        return self._batch


class _Clock:
    """Training callback that ends training in time for the rest.

    Arguments:
        seconds: The whole budget.
    """

    def __init__(self, seconds: float) -> None:
        self._started, self._seconds = time.monotonic(), seconds
        self.training_seconds = 0.0

    @property
    def remaining(self) -> float:
        """Seconds left of the budget; negative once it is over."""
        return self._started + self._seconds - time.monotonic()

    def stop_training(self) -> None:
        """Note how long training took."""
        self.training_seconds = self._seconds - self.remaining

    def started(self, total_steps: int, step: int) -> None:
        """Nothing to do."""

    def reported(self, report: Report, model: EnergyModel[Batch]) -> None:
        """Stop when training's share is over."""
        if self.remaining < (1 - _TRAINING_SHARE) * self._seconds:
            raise _OutOfTime

    def finished(self, interrupted: bool) -> None:
        """Nothing to do."""
