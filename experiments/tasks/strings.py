"""Strings: learn a grammar from examples, and write it as rules."""

import copy
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield import PairwiseNetwork, pairwise_of
from esr.hopfield.learning import (
    CouplingModel,
    MaximumLikelihood,
    NetworkLearner,
    PseudoLikelihood,
    Wiring,
    plain_gauge,
)
from esr.models import EnergyModel
from esr.random import RandomStreams
from esr.rules import RuleProgram, rules_text
from esr.training import Callback, Phase, Progress
from experiments.tasks.strings_data import Spelling, StringData, drawn_strings, read_strings
from experiments.tasks.strings_figure import draw_couplings
from experiments.tasks.strings_measures import Judgement, judge
from experiments.tasks.task import Conclusion, Contender

__all__ = ["CouplingFactory", "Strings"]

RULES = "learnt.rules"
"""File of the learnt rules in a run's folder."""
COARSENESS = 1.0
"""Soft weights of the learnt rules that are alike within this are written as one, and smaller
ones left out, in units of energy: twice the error of a weight learnt from four pairs."""
SHOWN = 8
"""Sample strings in the closing table."""


class CouplingFactory(Protocol):
    """Makes the model a configuration names, for the slots and symbols of the strings."""

    def __call__(
        self, *, wiring: Wiring, symbols: int, replicas: int, generator: Generator
    ) -> CouplingModel:
        """R sets of couplings."""
        ...


class Strings:
    """Examples of strings, whose grammar is to be learnt as couplings and written as rules.

    Arguments:
        phases: The schedule of training.
        examples: How many strings to learn from, at least 1, if they are drawn from a grammar.
        grammar: What to draw strings from: a standard rule program or the path of one, whose
            rules join slots without a cycle.
        path: A file of strings to learn from, one on each line, in place of a grammar.
        tied: Whether all pairs of coupled slots share one matrix of couplings.
        samples: How many samples of each network are judged, and how many fresh strings of the
            grammar they are judged by, at least 1.
        spelling: Symbols, length and padding.
    Raises:
        ConfigurationError: If a number is below 1, or there is neither a grammar nor a path.
    """

    callbacks: Sequence[Callback[Tensor]] = ()

    def __init__(
        self,
        phases: Mapping[str, Phase],
        examples: int = 500,
        grammar: str | None = "infix",
        path: str | None = None,
        tied: bool = True,
        samples: int = 2000,
        spelling: Spelling | None = None,
    ) -> None:
        if examples < 1 or samples < 1:
            raise ConfigurationError(
                f"task.examples and task.samples must be at least 1, but are {examples} and "
                f"{samples}"
            )
        if grammar is None and path is None:
            raise ConfigurationError("give task.grammar=NAME or task.path=FILE to learn from")
        self.phases, self.tied = dict(phases), tied
        self.examples, self.samples = examples, samples
        self.grammar, self.path = grammar or "", path
        self.spelling = spelling if spelling is not None else Spelling()

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Draw or read the strings."""
        generator, self._generator = streams["data"], streams["tests"]
        if self.path is not None:
            path = Path(self.path)
            data = read_strings(path, self.spelling, generator=generator, device=device)
        else:
            counts = (self.examples, self.examples, self.samples)
            data = drawn_strings(
                self.grammar, self.spelling, counts, generator=generator, device=device
            )
        self.data: StringData = data

    def build(
        self, make_model: CouplingFactory, replicas: int, streams: RandomStreams
    ) -> CouplingModel:
        """R sets of couplings of the slots."""
        grid, edges = self.data.grid, self.data.edges
        wire = Wiring.tied if self.tied else Wiring.separate
        return make_model(
            wiring=wire(grid.slots, edges),
            symbols=grid.symbols,
            replicas=replicas,
            generator=streams["init"],
        )

    def batch(self, progress: Progress) -> Tensor:
        """All examples."""
        return self.data.training

    @torch.no_grad()
    def validate(self, model: EnergyModel[Tensor]) -> Tensor:
        """Negative log-likelihood of a validation string in nats, exact, `(R,)`."""
        return _couplings(model).negative_log_likelihood(self.data.validation)

    def describe(self, model: EnergyModel[Tensor], replica: int) -> Mapping[str, str]:
        """The string that one replica finds most probable."""
        mode, _ = _couplings(model).network(replica).forest().mode()
        return {"string": self.data.text(mode)[0]}

    def conclude(
        self, found: Contender[Tensor], reference: Contender[Tensor] | None = None
    ) -> Conclusion:
        """Judge the best replica with and without hard zeros beside other ways of learning, and
        write it as rules."""
        model = _couplings(found.model)
        errors = torch.where(found.active, self.validate(model), torch.inf)
        best = int(errors.nan_to_num(nan=torch.inf).argmin())
        pruned = copy.deepcopy(model)
        pruned.prune(math.inf)
        learnt = pruned.network(best)
        judged, samples = self._judge(learnt)
        soft, _ = self._judge(model.network(best, hard=False))
        rows = [("trained", str(judged)), ("trained, without hard zeros", str(soft))]
        metrics = {**judged.metrics(), **soft.metrics("soft_")}
        for prefix, (label, other) in self._yardsticks(model).items():
            judgement, _ = self._judge(other)
            rows.append((label, str(judgement)))
            metrics |= judgement.metrics(prefix)
        plain = plain_gauge(learnt)
        text = self._text(plain)
        written, _ = self._judge(self._read(text))
        rows.insert(1, (f"its rules in {RULES}", str(written)))
        metrics |= written.metrics("rules_")
        hard = [line for line in text.splitlines() if line.endswith("forbid")]
        rules = sum(line.startswith("learnt_") for line in text.splitlines())
        metrics |= {"rules": float(rules), "hard_rules": float(len(hard))}
        (axis,) = self.data.grid.symbol_axes
        shown = [repr(string) for string in self.data.text(samples[:SHOWN])]
        rows += [
            ("strings learnt from", str(len(self.data.training))),
            ("samples", " ".join(shown)),
            ("rules learnt", f"{len(hard)} hard, {rules - len(hard)} soft"),
            *(("", line) for line in text.splitlines() if line.startswith("set ")),
            *(("", line.partition(": ")[2]) for line in hard[:SHOWN]),
        ]
        networks = {"learnt": plain}
        if self.data.truth is not None:
            networks["true grammar"] = self.data.truth
        figure = draw_couplings(networks, [str(value) for value in axis.values])
        return Conclusion(
            metrics, summary=rows, figures={"couplings": figure}, texts={RULES: text}
        )

    def _judge(self, network: PairwiseNetwork) -> tuple[Judgement, Tensor]:
        return judge(network, self.data, self.samples, generator=self._generator)

    def _text(self, network: PairwiseNetwork) -> str:
        """A network as rules, numbers in half precision so that they are short."""
        short = PairwiseNetwork(network.fields.half(), network.edges, network.couplings.half())
        return rules_text(
            self.data.grid, short.terms(), tolerance=COARSENESS, threshold=COARSENESS
        )

    def _read(self, text: str) -> PairwiseNetwork:
        """The network that rules say."""
        compiled = RuleProgram.parse(text).compile(dtype=torch.float64)
        network = pairwise_of(compiled.grid, compiled.terms, torch.float64)
        if network is None:
            raise TypeError("rules of pairs were read back as rules of more")
        parts = (network.fields, network.edges, network.couplings)
        return PairwiseNetwork(*(part.to(self.data.edges.device) for part in parts))

    def _yardsticks(self, model: CouplingModel) -> dict[str, tuple[str, PairwiseNetwork]]:
        """Networks to judge the trained one by: prefix of metrics to label and network."""
        wiring, zeros = model.wiring, model.hard_zeros
        alone = Wiring.separate(wiring.slots, wiring.edges[:0])
        soft = "the same, without hard zeros"
        learners: dict[str, tuple[str, NetworkLearner, Wiring]] = {
            "likelihood_": ("exact maximum likelihood", MaximumLikelihood(1.0, zeros), wiring),
            "likelihood_soft_": (soft, MaximumLikelihood(1.0), wiring),
            "pseudo_": ("pseudo-likelihood", PseudoLikelihood(hard_zeros=zeros), wiring),
            "pseudo_soft_": (soft, PseudoLikelihood(), wiring),
            "uncoupled_": ("symbols without couplings", MaximumLikelihood(1.0), alone),
        }
        found = {
            prefix: (label, learner.learn(self.data.training, model.symbols, wired))
            for prefix, (label, learner, wired) in learners.items()
        }
        if self.data.truth is not None:
            found["grammar_"] = ("the true grammar", self.data.truth)
        return found


def _couplings(model: EnergyModel[Tensor]) -> CouplingModel:
    if not isinstance(model, CouplingModel):
        raise ConfigurationError(
            f"task=strings learns couplings (model=couplings), not a {type(model).__name__}"
        )
    return model
