"""How well a learner adapts: one measure for every objective, on functions it has not seen."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Generator, Tensor
from torch.optim import SGD, Adam

from esr.errors import ConfigurationError
from esr.meta import (
    Adaptation,
    Copies,
    Episodes,
    ErrorSummary,
    InnerLoop,
    Learner,
    adaptation_errors,
    adapted_copies,
    tuned,
)
from esr.models import Batch, FunctionModel

__all__ = [
    "Curve",
    "Evaluation",
    "Findings",
    "evaluate",
    "is_positive",
    "own_errors",
    "predictions",
]


@dataclass(frozen=True)
class Evaluation:
    """What is measured; the same for every objective.

    Arguments:
        functions: Number of test functions in domain, and out of it, at least 1.
        validation: Number of validation functions, at least 1.
        query: Number of points by which each of them is judged, at least 1.
        few: Number of steps of gradient descent, at least 1; so many decide between step sizes
            and replicas, and twice as many are shown.
        rates: Step sizes to choose from, each positive.
        many: Number of steps of Adam, at least 1.
        many_rate: Their step size, positive.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    functions: int = 100
    validation: int = 200
    query: int = 100
    few: int = 5
    rates: Sequence[float] = (0.003, 0.01, 0.03, 0.1, 0.3)
    many: int = 100
    many_rate: float = 0.01

    def __post_init__(self) -> None:
        for name in ("functions", "validation", "query", "few", "many"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(
                    f"task.evaluation.{name} must be an integer of at least 1, but is {value!r}"
                )
        listed = isinstance(self.rates, Sequence) and not isinstance(self.rates, str)
        if not listed or not self.rates or not all(map(is_positive, self.rates)):
            raise ConfigurationError(
                "task.evaluation.rates must be a list of at least one positive number, such as "
                f"[0.01,0.1], but is {self.rates!r}"
            )
        if not is_positive(self.many_rate):
            raise ConfigurationError(
                f"task.evaluation.many_rate must be a positive number, but is {self.many_rate!r}"
            )

    def few_steps(self, rate: float) -> Adaptation:
        """Gradient descent."""
        return Adaptation(SGD, rate)

    def many_steps(self) -> Adaptation:
        """Adam."""
        return Adaptation(Adam, self.many_rate)

    def few_counts(self) -> list[int]:
        """The numbers of steps of gradient descent at which to look."""
        return list(range(2 * self.few + 1))

    def many_counts(self) -> list[int]:
        """The numbers of steps of Adam at which to look: about as many in each doubling."""
        powers = [2**exponent for exponent in range(self.many.bit_length())]
        return sorted({0, *(n for n in powers if n < self.many), self.many})


def is_positive(value: object) -> bool:
    """Whether a value is a positive finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value < math.inf


@dataclass(frozen=True)
class Curve:
    """Errors against the number of steps.

    Arguments:
        steps: Numbers of steps, S of them, ascending.
        errors: Query errors of each replica's copies, `(S, R, K)`.
    """

    steps: Sequence[int]
    errors: Tensor

    def after(self, steps: int) -> Tensor:
        """Errors after so many steps, `(R, K)`."""
        return self.errors[self.steps.index(steps)]

    def summaries(self, replica: int) -> list[ErrorSummary]:
        """What one replica's errors are after each number of steps."""
        return [ErrorSummary.of(errors[replica]) for errors in self.errors]


@dataclass(frozen=True)
class Findings:
    """How a learner adapts to the test functions.

    Arguments:
        rate: Step size chosen on the validation functions.
        replica: The replica chosen with it.
        active: Which replicas trained to the end, bool `(R,)`.
        few: For each domain the errors under gradient descent.
        many: The same under Adam.
        own: After the first few steps with the learnt step sizes, if there are any, `(R, K)`.
        common_rate: Step size chosen for the mean over all active replicas.
        common: For each domain the errors after the first few steps of that size, `(R, K)`.
    """

    rate: float
    replica: int
    active: Tensor
    few: Mapping[str, Curve]
    many: Mapping[str, Curve]
    own: Mapping[str, Tensor]
    common_rate: float
    common: Mapping[str, Tensor]

    def table(self, evaluation: Evaluation) -> dict[str, dict[str, Tensor]]:
        """The errors that are worth a name, then domain, to `(R, K)`."""
        few, many = evaluation.few, evaluation.many
        found = {
            str(steps): {domain: curve.after(steps) for domain, curve in self.few.items()}
            for steps in sorted({0, 1, few, 2 * few})
        }
        found[f"{many}_adam"] = {domain: curve.after(many) for domain, curve in self.many.items()}
        if self.own:
            found[f"{few}_own_rates"] = dict(self.own)
        return found

    def metrics(self, evaluation: Evaluation) -> dict[str, float]:
        """Means, medians and quartiles of the chosen replica; and of all replicas together after
        the first few steps, for what any one of them is worth without a choice."""
        metrics = {"rate": self.rate, "replica": float(self.replica)}
        metrics["rate_of_replicas"] = self.common_rate
        for name, domains in self.table(evaluation).items():
            for domain, errors in domains.items():
                prefix = f"{domain}_{name}"
                metrics |= ErrorSummary.of(errors[self.replica]).metrics(prefix)
        for domain, errors in self.common.items():
            everyone = ErrorSummary.of(errors[self.active].flatten())
            metrics[f"{domain}_{evaluation.few}_mean_of_replicas"] = everyone.mean
            metrics[f"{domain}_{evaluation.few}_median_of_replicas"] = everyone.median
        return metrics


def evaluate(
    learner: Learner,
    active: Tensor,
    validation: Episodes,
    tests: Mapping[str, Episodes],
    evaluation: Evaluation,
    *,
    generator: Generator,
) -> Findings:
    """Choose step size and replica on the validation functions, then adapt to the test functions.

    Arguments:
        learner: Only its model counts, and its own step sizes if they were learnt.
        active: The replicas to choose among, bool `(R,)`.
        validation: Functions of the domain that are not test functions.
        tests: Test functions of each domain.
        evaluation: What to measure.
        generator: Feeds relaxed choices while adapting.
    """
    model = learner.model
    few, many = evaluation.few_steps(evaluation.rates[0]), evaluation.many_steps()
    best = tuned(model, validation, few, evaluation.rates, evaluation.few, generator=generator)
    rate, replica = best.rate, best.replica
    errors = torch.where(active.to(best.errors.device), best.errors, torch.inf)
    if not bool(active[replica]) and bool(errors.isfinite().any()):
        place, replica = divmod(int(errors.argmin()), model.replicas)
        rate = evaluation.rates[place]
    few = replace(few, rate=rate)
    together = best.errors[:, active.to(best.errors.device)].mean(1)
    common_rate = evaluation.rates[int(together.argmin())]

    def curves(adaptation: Adaptation, steps: Sequence[int]) -> dict[str, Curve]:
        return {
            name: Curve(
                steps, adaptation_errors(model, test, adaptation, steps, generator=generator)
            )
            for name, test in tests.items()
        }

    learnt = learner.rates.log_rate.requires_grad
    return Findings(
        rate=rate,
        replica=replica,
        active=active,
        few=curves(few, evaluation.few_counts()),
        many=curves(many, evaluation.many_counts()),
        own={
            name: own_errors(learner, test, evaluation.few, generator=generator)
            for name, test in tests.items()
            if learnt
        },
        common_rate=common_rate,
        common={
            name: curve.after(evaluation.few)
            for name, curve in curves(replace(few, rate=common_rate), [evaluation.few]).items()
        },
    )


def own_errors(
    learner: Learner, episodes: Episodes, steps: int, *, generator: Generator
) -> Tensor:
    """Query error after a few steps with the learner's own step sizes, as training has them.

    Arguments:
        learner: R replicas; all is done in its present mode, or in training mode if evaluation
            mode makes it another function (`decides`).
        episodes: K functions.
        steps: At least 1.
        generator: Feeds relaxed choices in training mode.
    Returns:
        Mean squared errors `(R, K)`; infinite where one is not finite.
    """
    # fresh copies, as those of training remember what was wanted of them, which changes rounding
    copies = Copies(learner.model, episodes.functions)
    rates = {name: rate.detach() for name, rate in learner.rates.of_copies(copies.count).items()}
    with _acting_as_trained(learner):
        adapted = InnerLoop(steps).adapt(
            copies, rates, episodes.support, second_order=False, generator=generator
        )
        with torch.no_grad():
            error = copies.energy(adapted.parameters, episodes.query, generator=generator).data
    error = torch.where(error.isfinite(), error, torch.inf)
    return error.view(learner.replicas, copies.count)


@contextmanager
def _acting_as_trained(learner: Learner) -> Iterator[None]:
    """Have the learner's model in training mode if evaluation mode makes it another function."""
    model, before = learner.model, learner.model.training
    model.train(before or model.decides)
    try:
        yield
    finally:
        model.train(before)


@torch.no_grad()
def predictions(
    model: FunctionModel,
    support: Batch,
    inputs: Tensor,
    findings: Findings,
    evaluation: Evaluation,
    *,
    generator: Generator,
) -> dict[str, Tensor]:
    """The chosen replica before, after few and after many steps, as it was measured.

    Arguments:
        model: The initialisation.
        support: What its copies adapt to, `(K, N, D)` and `(K, N, 1)`.
        inputs: Where to predict, `(G, D)`.
        findings: Say the step size and the replica.
        evaluation: Says the numbers of steps.
        generator: Feeds relaxed choices while adapting.
    Returns:
        What to call each stage, to values `(K, G)`.
    """
    few, many = evaluation.few_steps(findings.rate), evaluation.many_steps()
    stages = {
        "before": (few, 0),
        f"after {evaluation.few} steps": (few, evaluation.few),
        f"after {evaluation.many} steps of Adam": (many, evaluation.many),
    }
    found = {}
    for name, (adaptation, steps) in stages.items():
        walk = adapted_copies(model, support, adaptation, generator=generator)
        copies = next(islice(walk, steps, None))
        values = copies.draw(generator=generator)(inputs)  # (R K, G, 1)
        found[name] = values.view(model.replicas, -1, len(inputs))[findings.replica]
    return found
