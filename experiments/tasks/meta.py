"""Meta: an initialisation from which a model learns a new function of a family in a few steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.meta import Episodes, Family, Learner, zero_errors
from esr.models import Batch, EnergyModel, FunctionModel, SymbolicModel
from esr.random import RandomStreams
from esr.training import Callback, Phase, Progress
from experiments.starting_point import FILE
from experiments.tasks.meta_data import EpisodeSizes, draw_episodes
from experiments.tasks.meta_figure import Scenes, draw_adaptation, draw_curves
from experiments.tasks.meta_measures import (
    Evaluation,
    Findings,
    evaluate,
    is_positive,
    own_errors,
    predictions,
)
from experiments.tasks.meta_symbolic import Laws, Symbolic, exact_support, laws_found
from experiments.tasks.meta_table import (
    adaptation_curves,
    summary_rows,
    tally_rows,
    yardstick_metrics,
)
from experiments.tasks.meta_yardsticks import Scratch, yardstick_errors
from experiments.tasks.task import Conclusion, Contender, ModelFactory

__all__ = ["LearnerSettings", "Meta"]

READABLE = 100
"""Nodes of an equation that is worth showing."""
SHOWN = {"in": 6, "out": 3}
"""How many test functions of each domain are drawn."""
POINTS = 201
"""Points of a drawn curve."""


@dataclass(frozen=True)
class LearnerSettings:
    """The inner step sizes, as `Learner` takes them.

    Raises:
        ConfigurationError: If the rate is not a positive number or a switch is neither true nor
            false.
    """

    rate: float = 0.01
    learn_rate: bool = False
    rate_of_each_weight: bool = False

    def __post_init__(self) -> None:
        if not is_positive(self.rate):
            raise ConfigurationError(
                f"task.learner.rate must be a positive number, but is {self.rate!r}"
            )
        for name in ("learn_rate", "rate_of_each_weight"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ConfigurationError(
                    f"task.learner.{name} must be true or false, but is {value!r}"
                )


class Meta:
    """Functions of a family, some to learn from and others to adapt to.

    The objective is the trainer's; everything is measured alike whatever it is.

    Arguments:
        phases: The schedule of meta-training.
        family: Where the functions are from.
        scratch: The yardstick of training from scratch.
        episodes: Sizes of a batch.
        learner: Its step sizes while meta-learning.
        evaluation: What is measured in the end.
        symbolic: How it is measured how often the true equation is found.
    """

    callbacks: Sequence[Callback[Episodes]] = ()

    def __init__(
        self,
        phases: Mapping[str, Phase],
        family: Family,
        scratch: Scratch,
        episodes: EpisodeSizes | None = None,
        learner: LearnerSettings | None = None,
        evaluation: Evaluation | None = None,
        symbolic: Symbolic | None = None,
    ) -> None:
        self.phases, self.family, self.scratch = dict(phases), family, scratch
        self.episodes = episodes if episodes is not None else EpisodeSizes()
        self.learner = learner if learner is not None else LearnerSettings()
        self.evaluation = evaluation if evaluation is not None else Evaluation()
        self.symbolic = symbolic if symbolic is not None else Symbolic()

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Make sure that the family is finite, and draw validation and test functions."""
        self._seed, self._device = streams.seed, device
        self.family.check(generator=streams["check"])
        sizes, support = self.evaluation, self.episodes.support
        few = EpisodeSizes(sizes.validation, support, sizes.query)
        _, self.validation = draw_episodes(self.family, few, generator=streams["validation"])
        enough = EpisodeSizes(sizes.functions, support, sizes.query)
        drawn = {"in": draw_episodes(self.family, enough, generator=streams["tests"])}
        if self.family.has_shift:
            generator = streams["shifted tests"]
            drawn["out"] = draw_episodes(self.family, enough, generator=generator, shifted=True)
        self.functions = {domain: functions for domain, (functions, _) in drawn.items()}
        self.tests = {domain: episodes for domain, (_, episodes) in drawn.items()}

    def build(
        self, make_model: ModelFactory, replicas: int, streams: RandomStreams
    ) -> EnergyModel[Episodes]:
        """A learner whose initialisation is the model."""
        model = make_model(
            in_features=len(self.family.variables),
            out_features=1,
            replicas=replicas,
            generator=streams["init"],
        )
        settings = self.learner
        return Learner(model, settings.rate, settings.learn_rate, settings.rate_of_each_weight)

    def batch(self, progress: Progress) -> Episodes:
        """Fresh functions, the same whenever a step is the same."""
        streams = RandomStreams(self._seed, self._device)
        generator = streams[f"episodes of step {progress.step}"]
        return draw_episodes(self.family, self.episodes, generator=generator)[1]

    def validate(self, model: EnergyModel[Episodes]) -> Tensor:
        """Mean query error of the validation functions after a few steps at the learner's own
        step sizes, `(R,)`."""
        few, generator = self.evaluation.few, self._generator()
        return own_errors(_learner(model), self.validation, few, generator=generator).mean(1)

    def describe(self, model: EnergyModel[Episodes], replica: int) -> Mapping[str, str]:
        """The equation of the initialisation, small weights left out, if it is readable."""
        inner = _learner(model).model
        if not isinstance(inner, SymbolicModel):
            return {}
        equation = inner.expressions(self.family.variables, threshold=0.01)[replica][0]
        return {"initialisation": f"{equation:.3g}"} if equation.complexity <= READABLE else {}

    def conclude(
        self, found: Contender[Episodes], reference: Contender[Episodes] | None = None
    ) -> Conclusion:
        """Adapt to the test functions, beside the yardsticks and the reference."""
        learner, evaluation = _learner(found.model), self.evaluation
        findings = self._findings(found)
        beside = self._findings(reference) if reference is not None else None
        yardsticks = yardstick_errors(self.tests, self.scratch, self._seed)
        tallies = {n: float(shares[findings.replica]) for n, shares in learner.tallies().items()}
        metrics = findings.metrics(evaluation) | yardstick_metrics(yardsticks) | tallies
        if beside is not None:
            theirs = beside.metrics(evaluation)
            metrics |= {f"reference_{name}": value for name, value in theirs.items()}
        laws = self._laws(learner.model, findings.replica)
        metrics |= laws.metrics()
        zero = {domain: zero_errors(episodes) for domain, episodes in self.tests.items()}
        figures = {"curves": draw_curves(findings, zero)}
        if len(self.family.variables) == 1:
            figures["adaptation"] = self._adaptation_figure(learner.model, findings)
        return Conclusion(
            metrics,
            summary=[
                *summary_rows(findings, evaluation, yardsticks, beside),
                *laws.rows(),
                *tally_rows(tallies),
            ],
            figures=figures,
            curves=adaptation_curves(findings),
            models={FILE: (learner.model, findings.replica)},
        )

    def _findings(self, found: Contender[Episodes]) -> Findings:
        return evaluate(
            _learner(found.model),
            found.active,
            self.validation,
            self.tests,
            self.evaluation,
            generator=self._generator(),
        )

    def _laws(self, model: FunctionModel, replica: int) -> Laws:
        """Which laws of the first test functions in domain the adapted replica becomes."""
        functions, count = self.functions["in"], self.symbolic.functions
        kinds = functions.kinds[:count].cpu()
        if not isinstance(model, SymbolicModel) or not len(kinds):
            return Laws({}, kinds, self.family.names)
        support = exact_support(functions, self.tests["in"].support)
        found = laws_found(
            model,
            replica,
            functions.expressions()[:count],
            Batch(*(tensor[:count] for tensor in support)),
            self.symbolic,
            variables=self.family.variables,
            generator=self._generator(),
        )
        return Laws(found, kinds, self.family.names)

    def _adaptation_figure(self, model: FunctionModel, findings: Findings) -> Figure:
        ((variable, (low, high)),) = self.family.ranges.items()
        points = torch.linspace(low, high, POINTS, device=self._device)
        scenes = []
        for domain, episodes in self.tests.items():
            support = Batch(*(tensor[: SHOWN[domain]] for tensor in episodes.support))
            functions = self.functions[domain]
            targets = functions.evaluate(points.expand(functions.count, -1)[..., None])
            found = predictions(
                model,
                support,
                points[:, None],
                findings,
                self.evaluation,
                generator=self._generator(),
            )
            scenes.append(Scenes(domain, points, targets[: SHOWN[domain], :, 0], support, found))
        return draw_adaptation(scenes, variable)

    def _generator(self) -> Generator:
        """A fresh one for adaptation, so that nothing depends on what was measured before."""
        return RandomStreams(self._seed, self._device)["adaptation"]


def _learner(model: EnergyModel[Episodes]) -> Learner:
    if not isinstance(model, Learner):
        raise TypeError(f"expected what build() made, but got {type(model)}")
    return model
