"""The equation learner as a search engine: rounds of a portfolio, finished and proposed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator

from baselines.eql.budget import Budget
from baselines.eql.estimator import EQLEstimator, EQLFactory
from baselines.eql.network import EQL
from baselines.eql.portfolio import MetaTrained, Portfolio, short_schedule
from esr.equations import (
    STANDARD,
    Call,
    Constant,
    Expression,
    PrimitiveSet,
    fold,
    simplify,
)
from esr.errors import ConfigurationError, DataError, TrainingError
from esr.problem import Problem
from esr.random import RandomStreams
from esr.search import Clock, Rows, SearchFront
from esr.training import Phase

__all__ = ["EQLEngine"]

_MOST_ROWS = 1000
"""Rows that networks are trained on; constants are fitted to all."""
_USUAL_SIZES = 0.3, 3.0
"""Root mean squares of targets that the schedule is made for."""
_SHORTEST = 0.5
"""Seconds below which no training is worth while."""
_SIGMOID = STANDARD["sigmoid"]


class EQLEngine:
    """Searches by training equation learners, as `EQLEstimator` does.

    It knows no rules and no weights: what it reads off its networks is proposed, and the front
    refuses what is not allowed and fits the constants to weighted rows.

    Arguments:
        model: Makes the model; a portfolio of what the question's primitives allow if None.
        init: A meta-learnt initialisation for the model of `configs/model/eql_meta.yaml`: a file
            that `save_initialisation` wrote, or a folder with an `initialisation.pt`. For another
            model, give a factory that loads it as `model`.
        phases: The schedule of training of a round; `short_schedule()` if None.
        replicas: How many are trained side by side, at least 1.
    Raises:
        ConfigurationError: If both a model and an initialisation are given.
    """

    def __init__(
        self,
        model: EQLFactory | None = None,
        init: Path | str | None = None,
        phases: Mapping[str, Phase] | None = None,
        replicas: int = 20,
    ) -> None:
        if model is not None and init is not None:
            raise ConfigurationError("give a model or an init, not both; a model may load its own")
        self.model, self.init, self.replicas = model, init, replicas
        self.phases = phases

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """Train rounds until an equation is exact or time is over.

        Arguments:
            front: Where equations are proposed.
            clock: The time allowed.
            streams: Where draws come from.
        Raises:
            ConfigurationError: If an initialisation does not fit the question.
            KeyboardInterrupt: If Ctrl-C ended training; what was read by then is proposed.
        """
        question = front.question
        seconds = clock.left if math.isfinite(clock.left) else 1e9
        if seconds < _SHORTEST:
            return
        generator = streams["eql"]
        seed = torch.randint(2**31, (1,), generator=generator, device=generator.device)
        order = torch.randperm(
            len(question.training.target), generator=generator, device=generator.device
        )
        training = question.training.taken(order[:_MOST_ROWS].to(question.training.target.device))
        size = float(training.target.square().mean().sqrt())
        scale = 1.0 if _USUAL_SIZES[0] <= size <= _USUAL_SIZES[1] or size == 0 else size
        phases = short_schedule() if self.phases is None else self.phases
        factory = _Placed(self._factory(question.primitives), training.target.device)
        learner = EQLEstimator(factory, phases, int(seed), seconds, self.replicas)
        rounds = learner.rounds(
            _problem(training, scale), _problem(question.validation, scale), Budget(seconds)
        )
        try:
            for finished, _ in rounds:
                for candidate in finished.front:
                    front.propose(
                        _in_terms_of(question.primitives, candidate.expression, scale), "eql"
                    )
                if front.settled or clock.expired:
                    break
        except (TrainingError, DataError):
            return  # networks that diverged, or spell nothing finite, propose nothing
        if learner.interrupted:
            raise KeyboardInterrupt

    def _factory(self, primitives: PrimitiveSet) -> EQLFactory:
        if self.model is not None:
            return self.model
        if self.init is not None:
            return MetaTrained(Path(self.init).expanduser())
        functions = set(primitives) | ({"sigmoid"} if "exp" in primitives else set())
        return Portfolio(tuple(sorted(functions)))


@dataclass(frozen=True)
class _Placed:
    """Makes models where the rows are."""

    make: EQLFactory
    device: torch.device

    def __call__(
        self, *, in_features: int, out_features: int, replicas: int, generator: Generator
    ) -> EQL:
        model = self.make(
            in_features=in_features,
            out_features=out_features,
            replicas=replicas,
            generator=generator,
        )
        return model.to(self.device)


def _problem(rows: Rows, scale: float) -> Problem:
    """The rows with their target divided by a number."""
    return Problem(rows.inputs, rows.target[:, None] / scale, rows.variables)


def _in_terms_of(primitives: PrimitiveSet, expression: Expression, scale: float) -> Expression:
    """A network's equation for the target itself, sigmoids written out if they may not occur."""
    scaled = expression if scale == 1.0 else simplify(scale * expression)

    def written(node: Expression, parts: tuple[Expression, ...]) -> Expression:
        if not isinstance(node, Call):
            return node
        if node.primitive == _SIGMOID and "sigmoid" not in primitives:
            return Constant(1) / (1 + Call(STANDARD["exp"], (-parts[0],)))
        return Call(node.primitive, parts)

    return fold(scaled, written)
