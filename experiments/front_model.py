"""The equations that searches have found, as a model that other parts of a run can ask."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from esr.finishing import Candidate
from esr.models import Energy, EnergyModel
from esr.random import RandomStreams
from esr.search import Engine, Question, Rows
from experiments.discoveries import Discoveries
from experiments.question_settings import QuestionSettings

__all__ = ["FrontFactory", "FrontModel"]

_SEEDS = 2**62


class FrontFactory(Protocol):
    """Makes the model a configuration names, for the rows of a task."""

    def __call__(
        self, *, rows: Mapping[str, Rows], replicas: int, streams: RandomStreams
    ) -> "FrontModel":
        """A model of `replicas` searches for each of the named rows."""
        ...


class FrontModel(EnergyModel[object]):
    """Searches for equations, one for each replica; each has its own held-out rows and draws.

    Replica `k` of the rows at place `i` is replica `i * replicas + k`. What was found is kept in
    `found`, which `experiments.front_searcher.FrontSearcher` fills.

    Arguments:
        engine: Searches.
        rows: What is to be explained, by name.
        replicas: Searches for each of them, at least 1.
        streams: Determines the held-out rows and every draw.
        question: Which rows are held out, and what an equation may have.
    """

    def __init__(
        self,
        engine: Engine,
        rows: Mapping[str, Rows],
        replicas: int,
        streams: RandomStreams,
        question: QuestionSettings | None = None,
    ) -> None:
        super().__init__(replicas * len(rows))
        self.engine, self.copies = engine, replicas
        asked = QuestionSettings() if question is None else question
        self.names = [name for name in rows for _ in range(replicas)]
        self.streams = [_own_streams(streams["searches"]) for _ in self.names]
        self.questions: list[Question] = [
            asked.ask(rows[name], generator=own["split"])
            for name, own in zip(self.names, self.streams, strict=True)
        ]
        self.found: list[Discoveries | None] = [None] * self.replicas

    def best(self, replica: int) -> Candidate | None:
        """The equation that a replica has settled on so far, if it has found any."""
        found = self.found[replica]
        return None if found is None else found.front.best

    def replicas_of(self, name: str) -> Sequence[int]:
        """The replicas that search for the equation of these rows."""
        return [replica for replica, own in enumerate(self.names) if own == name]

    def chosen(self, name: str) -> tuple[Discoveries, Candidate] | None:
        """The shortest description among the replicas of these rows, exact ones first, with the
        search that found it; None if nothing was found."""
        best: tuple[bool, float, Discoveries, Candidate] | None = None
        for replica in self.replicas_of(name):
            found = self.found[replica]
            candidate = None if found is None else found.front.best
            if found is None or candidate is None:
                continue
            key = (found.front.exact is None, found.front.length(candidate))
            if best is None or key < best[:2]:
                best = (*key, found, candidate)
        return None if best is None else best[2:]

    def errors(self, *, validation: bool) -> Tensor:
        """Mean squared error of each replica's equation, `(R,)`, float64; the mean square of the
        target, which is that of 0, where there is none yet."""
        values = []
        for replica, question in enumerate(self.questions):
            candidate = self.best(replica)
            rows = question.validation if validation else question.training
            if candidate is None:
                values.append(float((rows.weights * rows.target.square()).mean()))
            else:
                values.append(
                    candidate.validation_error if validation else candidate.training_error
                )
        return torch.tensor(values, dtype=torch.float64)

    def energy(self, batch: object = None, *, generator: Generator | None = None) -> Energy:
        """The training error of each replica's equation; a structure has no price."""
        errors = self.errors(validation=False)
        return Energy(errors, torch.zeros_like(errors))

    def complexities(self) -> Tensor:
        """Nodes of each replica's equation, `(R,)`, float64; not a number where there is none."""
        best = [self.best(replica) for replica in range(self.replicas)]
        sizes = [math.nan if c is None else c.expression.complexity for c in best]
        return torch.tensor(sizes, dtype=torch.float64)


def _own_streams(generator: Generator) -> RandomStreams:
    """Streams of a search's own."""
    seed = torch.randint(_SEEDS, (), generator=generator, device=generator.device)
    return RandomStreams(int(seed), generator.device)
