"""The equation learner as an estimator: rows in, one expression out, within a time budget."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from baselines.eql.budget import Budget, OutOfTime
from baselines.eql.network import EQL
from esr.equations import Expression
from esr.errors import ConfigurationError, DataError, TrainingError
from esr.finishing import (
    Candidate,
    FinishedFront,
    choose,
    finish_readings,
    is_exact,
    pareto_front,
    promising_order,
    rounding_floor,
)
from esr.models import Batch
from esr.problem import Problem
from esr.random import RandomStreams
from esr.training import Phase, Trainer

__all__ = ["EQLEstimator", "EQLFactory"]

_REPORT_EVERY = 25
_AFTER_CTRL_C = 3.0  # seconds for finishing
_RIGHT = 1e-3  # share of the variance that a replica's error may be to count as right


class EQLFactory(Protocol):
    """Makes an equation learner for a number of inputs."""

    def __call__(
        self, *, in_features: int, out_features: int, replicas: int, generator: Generator
    ) -> EQL:
        """A model from `in_features` inputs to `out_features` outputs."""
        ...


class EQLEstimator:
    """Trains replicas of an equation learner in rounds, finishes them and chooses among all.

    A share of the rows is held out: it ranks the replicas, judges the equations on the way of
    their elimination, and chooses on the Pareto front. Rounds start afresh until an equation is
    exact to machine precision or there is no time for another; training that is not over when
    its share of the budget is gone is cut off, pruned and read as it stands. Ctrl-C ends the
    search and keeps what was found.

    Arguments:
        model: Makes the model, such as `configs/model/eql_portfolio.yaml` describes.
        phases: The schedule of training of a round.
        seed: Determines the held-out rows and every draw of training.
        seconds: Budget of wall-clock time, above 0.
        replicas: How many are trained side by side.
        rounds: Largest number of rounds, at least 1; as many as there is time for if None.
        held_out: Share of the rows that is held out, above 0 and below 1.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    def __init__(
        self,
        model: EQLFactory,
        phases: Mapping[str, Phase],
        seed: int,
        seconds: float,
        replicas: int = 20,
        rounds: int | None = None,
        held_out: float = 0.25,
    ) -> None:
        if not seconds > 0 or replicas < 1 or not 0 < held_out < 1:
            raise ConfigurationError(
                "seconds must be above 0, replicas at least 1 and held_out between 0 and 1, but "
                f"they are {seconds}, {replicas} and {held_out}"
            )
        if rounds is not None and rounds < 1:
            raise ConfigurationError(f"rounds must be at least 1 or null, but is {rounds}")
        self._make_model, self._trainer = model, Trainer(phases, report_every=_REPORT_EVERY)
        self._streams, self._seconds = RandomStreams(seed), seconds
        self._replicas, self._rounds, self._held_out = replicas, rounds, held_out
        self.front: tuple[Expression, ...] = ()
        self.details: dict[str, float] = {}
        self.interrupted = False

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
        clock = Budget(self._seconds)
        training, validation = self._split(inputs.double(), targets.double(), variables)
        samples, floor = len(validation.targets), rounding_floor(training.targets[:, 0])
        candidates: list[Candidate] = []
        rights: list[float] = []
        for finished, right in self.rounds(training, validation, clock):
            candidates += finished.front
            rights.append(right)
        front = pareto_front(candidates)
        self._variables = tuple(variables)
        self._expression = choose(front, samples, floor).expression
        self.front = tuple(candidate.expression for candidate in front)
        rounds = len(rights)
        self.details = {"replicas_right": sum(rights) / rounds, "rounds": float(rounds)}
        return self

    def rounds(
        self, training: Problem, validation: Problem, clock: Budget
    ) -> Iterator[tuple[FinishedFront, float]]:
        """Train and finish, one round after another, until an equation is exact or time is over.

        Arguments:
            training: Rows to train on, with one target.
            validation: Rows that rank replicas and judge equations, with the same variables.
            clock: The time for all rounds.
        Yields:
            What finishing found, and the share of replicas that were right before it. After
            Ctrl-C in training `interrupted` is set and the round is the last.
        Raises:
            TrainingError: If every replica diverged, or none can be read as an equation.
        """
        variables, samples = training.variables, len(validation.targets)
        floor = rounding_floor(training.targets[:, 0])
        rounds, ended = 0, False
        while not ended:
            model, ended = self._train(training, clock)
            with torch.no_grad():
                errors = model.energy(validation.batch(None)).data.nan_to_num(nan=torch.inf)
            if not bool(errors.isfinite().any()):
                raise TrainingError("no replica has a finite error; lower the learning rates")
            readings = [row[0] for row in model.expressions(variables)]
            order = promising_order(readings, errors, samples, floor)
            finished = finish_readings(
                [readings[replica] for replica in order],
                training,
                validation,
                model.functions,
                seconds=min(clock.remaining, _AFTER_CTRL_C if self.interrupted else math.inf),
            )
            rounds += 1
            right = float((errors < _RIGHT * validation.targets.var()).double().mean())
            exact = any(is_exact(candidate, training) for candidate in finished.front)
            ended |= exact or rounds == self._rounds or not clock.allows_another(rounds)
            yield finished, right

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

    def _train(self, training: Problem, clock: Budget) -> tuple[EQL, bool]:
        """A model trained in single precision, and whether it was cut off or interrupted."""
        model = self._make_model(
            in_features=training.inputs.shape[1],
            out_features=1,
            replicas=self._replicas,
            generator=self._streams["init"],
        )
        dtype = next(model.parameters()).dtype
        batch = Batch(training.inputs.to(dtype), training.targets.to(dtype))
        try:
            result = self._trainer.fit(model, _Rows(batch), self._streams, callbacks=[clock])
        except OutOfTime:
            prunes = [p.prune for p in self._trainer.phases.values() if p.prune is not None]
            model.prune(max(prunes, default=0.0))
            return model.double().eval(), True
        self.interrupted = result.interrupted
        return model.double().eval(), result.interrupted


class _Rows:
    """All rows at each step."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def batch(self, progress: object) -> Batch:
        """All rows, whatever the progress."""
        return self._batch
