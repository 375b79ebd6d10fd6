"""Weights: read the weights of trained networks and write the equations they represent."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Generator, Tensor

from baselines.corpus import Corpus, Recipe
from baselines.languages import Equations, Language
from baselines.languages.vocabulary import Vocabulary
from baselines.population import Architecture
from baselines.reader import Greedy, Lengths, Reader, ReadingBatch, save_reader
from esr.errors import ConfigurationError
from esr.models import EnergyModel
from esr.random import RandomStreams
from esr.training import Callback, Phase, Progress, Share
from experiments.loss_history import LossHistory
from experiments.tasks.task import Conclusion, Contender
from experiments.tasks.weights_data import (
    Networks,
    PopulationSizes,
    prepare_population,
)
from experiments.tasks.weights_figure import Example, draw_curves, draw_examples, draw_lengths
from experiments.tasks.weights_measures import length_table
from experiments.tasks.weights_reading import Evaluation, Findings, read_networks
from experiments.tasks.weights_table import summary_rows

__all__ = ["ReaderFactory", "Weights"]

GROUPS, CORPUS = ("equations", "start", "lengths"), "corpus"
"""Choices that a corpus makes instead, and what they are called then."""
READER = "reader.pt"
"""Name of the file a run leaves its reader in."""
SHOWN = 3
"""Validation networks whose equations are told while training."""
PLACES = 101
"""Points of a drawn curve."""
ACROSS = 0.5
"""Value of all inputs but the first along a drawn line."""


class ReaderFactory(Protocol):
    """Makes the reader a configuration names."""

    def __call__(
        self,
        *,
        architecture: Architecture,
        language: Language,
        replicas: int,
        generator: Generator,
    ) -> Reader:
        """A reader of networks of an architecture that writes a language."""
        ...


class Weights:
    """A population of small networks, and a reader that learns to write their equations.

    Arguments:
        phases: The schedule of the reader's training.
        recipe: How networks come about.
        sizes: How many.
        path: Folder of a corpus to learn from; its recipe then counts, and not the other one.
        batch_size: Networks of a batch, at least 1.
        evaluation: How the reader is judged.
    Raises:
        ConfigurationError: If the batch size is below 1 or above the number of networks.
    """

    def __init__(
        self,
        phases: Mapping[str, Phase],
        recipe: Recipe,
        sizes: PopulationSizes | None = None,
        path: str | None = None,
        batch_size: int = 256,
        evaluation: Evaluation | None = None,
    ) -> None:
        if type(batch_size) is not int or batch_size < 1:
            raise ConfigurationError(f"task.batch_size must be at least 1, but is {batch_size!r}")
        self.phases, self.recipe, self.batch_size = dict(phases), recipe, batch_size
        self.path = path
        self.sizes = sizes if sizes is not None else PopulationSizes()
        if path is None:
            self._check_batch(self.sizes.networks)
        self.evaluation = evaluation if evaluation is not None else Evaluation()
        self._history = LossHistory()
        self.callbacks: Sequence[Callback[ReadingBatch]] = [self._history]
        self._rows = slice(0, batch_size)

    def check(self, make_model: ReaderFactory) -> None:
        """Refuse what makes no reader of the networks, before any is trained."""
        self._opened()
        _reader(self._made(make_model, 1, Generator()))

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Train the networks or read a corpus."""
        corpus = self._opened()
        self._seed, self._device = streams.seed, device
        self.population = prepare_population(self.recipe, self.sizes, corpus, device)
        self._check_batch(len(self.population.training))
        self._training = self._as_batch(self.population.training)
        self._validation = self._as_batch(self.population.validation)

    def share(self, share: Share) -> None:
        """Give a part of every batch, where several processes train one reader."""
        self._rows = share.rows(self.batch_size)

    def build(self, make_model: ReaderFactory, replicas: int, streams: RandomStreams) -> Reader:
        """R readers, scaled to the networks learnt from."""
        reader = self._made(make_model, replicas, streams["init"])
        reader.to(self._device)
        reader.adapt(self.population.training.weights)
        return reader

    def batch(self, progress: Progress) -> ReadingBatch:
        """Networks drawn at random, the same whenever a step is the same."""
        generator = RandomStreams(self._seed, self._device)[f"batch of step {progress.step}"]
        count, device = len(self.population.training), self._device
        rows = torch.randint(count, (self.batch_size,), generator=generator, device=device)
        weights, tokens, numbers = self._training[:3]
        mine, lengths = rows[self._rows], None
        if len(mine) < len(rows):
            lengths = Lengths(
                (tokens[rows] != Vocabulary.PAD).sum() / len(rows),
                (numbers[rows] != 0).sum() / len(rows),
            )
        return ReadingBatch(weights[mine], tokens[mine], numbers[mine], lengths)

    def validate(self, model: EnergyModel[ReadingBatch]) -> Tensor:
        """The energy on networks of held-out equations, `(R,)`."""
        return _reader(model).energy(self._validation).data

    def describe(self, model: EnergyModel[ReadingBatch], replica: int) -> Mapping[str, str]:
        """What is written for a few networks of held-out equations, beside the truth."""
        language, some = self.recipe.language, self.population.validation[:SHOWN]
        written = Greedy().decode(_reader(model), language, some.weights).best(replica)
        pairs = zip(language.texts(some.equations), language.texts(written), strict=True)
        return {f"network_{n}": f"{truth} read as {text}" for n, (truth, text) in enumerate(pairs)}

    def conclude(
        self, found: Contender[ReadingBatch], reference: Contender[ReadingBatch] | None = None
    ) -> Conclusion:
        """Judge the best replica by networks of held-out equations; the reference likewise."""
        reader, replica, findings = self._findings(found)
        metrics = self._metrics(findings)
        beside = None
        if reference is not None:
            _, _, beside = self._findings(reference)
            theirs = self._metrics(beside)
            metrics |= {f"reference_{name}": value for name, value in theirs.items()}
        shown = {"written by the reader": "raw", "numbers fitted to the network": "refined"}
        judged = {label: findings.judgements[name] for label, name in shown.items()}
        examples = self._examples(findings)
        along = self.recipe.language.variables[0]
        return Conclusion(
            metrics,
            summary=summary_rows(self.recipe, self.population, findings, beside),
            figures={
                "curves": draw_curves(self._history.points),
                "lengths": draw_lengths(judged),
                "examples": draw_examples(examples, along),
            },
            files={READER: lambda path: save_reader(path, reader, replica)},
            choices=dict.fromkeys(GROUPS, CORPUS) if self.path is not None else {},
        )

    def _opened(self) -> Corpus | None:
        """The corpus to learn from, whose recipe counts from now on; None if there is none."""
        if self.path is None:
            return None
        corpus = Corpus.open(Path(self.path))
        self.recipe = corpus.recipe
        return corpus

    def _made(self, make_model: ReaderFactory, replicas: int, generator: Generator) -> Reader:
        """Readers of the recipe's networks."""
        return make_model(
            architecture=self.recipe.architecture,
            language=self.recipe.language,
            replicas=replicas,
            generator=generator,
        )

    def _check_batch(self, networks: int) -> None:
        if self.batch_size > networks:
            raise ConfigurationError(
                f"a batch needs no more networks than there are to learn from, {networks}, but "
                f"task.batch_size is {self.batch_size}; lower it or take more networks"
            )

    def _findings(self, found: Contender[ReadingBatch]) -> tuple[Reader, int, Findings]:
        """What the best replica writes."""
        reader = _reader(found.model)
        with torch.no_grad():
            errors = torch.where(found.active, self.validate(reader), torch.inf)
            replica = int(errors.nan_to_num(nan=torch.inf).argmin())
            generator = RandomStreams(self._seed, self._device)["orders of neurons"]
            findings = read_networks(
                reader,
                replica,
                self.recipe,
                self.population.tests,
                self.evaluation,
                generator=generator,
            )
        return reader, replica, findings

    def _metrics(self, findings: Findings) -> dict[str, float]:
        metrics = {
            "networks": float(len(self.population.training)),
            "converged": self.population.converged,
            "population_seconds": self.population.seconds,
            "same_when_permuted": findings.same_when_permuted,
        }
        for name, judgement in findings.judgements.items():
            metrics |= judgement.metrics(f"{name}_")
        return metrics | length_table(
            {f"{name}_": findings.judgements[name] for name in ("raw", "refined")}
        )

    def _examples(self, findings: Findings) -> list[Example]:
        """Judged networks of different lengths, drawn along the first input."""
        language, tests = self.recipe.language, self.population.tests
        lengths = language.lengths[tests.equations.skeletons.cpu()]
        place = torch.linspace(-1, 1, PLACES, device=self._device)
        points = torch.full((PLACES, len(language.variables)), ACROSS, device=self._device)
        points[:, 0] = place
        examples = []
        for row in _spread(lengths, self.evaluation.examples):
            one = slice(row, row + 1)
            equations = {
                "true": tests.equations[one],
                "read": findings.raw[one],
                "refined": findings.refined[one],
            }
            functions = {name: self._along(those, points) for name, those in equations.items()}
            true, read, refined = (language.texts(those)[0] for those in equations.values())
            network = self.recipe.architecture.outputs(tests.weights[one], points)[0]
            title = f"{true}\nread as {read}\nrefined {refined}"
            examples.append(Example(place.cpu(), network.cpu(), functions, title))
        return examples

    def _along(self, equations: Equations, points: Tensor) -> Tensor:
        language = self.recipe.language
        values = language.values(equations)
        return language.evaluate(equations.skeletons, values, points.to(values))[0].cpu()

    def _as_batch(self, networks: Networks) -> ReadingBatch:
        language, equations = self.recipe.language, networks.equations
        numbers = language.values(equations).to(networks.weights)
        return ReadingBatch(networks.weights, language.encode(equations), numbers)


def _spread(lengths: Tensor, count: int) -> list[int]:
    """Rows of as many different lengths as there are, shortest first, at most `count`."""
    different = sorted(set(lengths.tolist()))
    chosen: list[int] = []
    turn = 0
    while len(chosen) < min(count, len(lengths)):
        for length in different:
            rows = (lengths == length).nonzero()[:, 0].tolist()
            if turn < len(rows) and len(chosen) < count:
                chosen.append(rows[turn])
        turn += 1
    return sorted(chosen, key=lambda row: int(lengths[row]))


def _reader(model: EnergyModel[ReadingBatch]) -> Reader:
    if not isinstance(model, Reader):
        raise ConfigurationError(
            f"task=weights trains readers (model=reader_graph), not a {type(model).__name__}"
        )
    return model
