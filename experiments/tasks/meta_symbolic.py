"""How often an adapted and finished model is the true equation, known at its support points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from rich.progress import Progress
from torch import Generator, Tensor
from torch.optim import Adam

from esr.equations import Expression, TimeLimitExceeded, run_with_time_limit
from esr.errors import ConfigurationError, DataError
from esr.finishing import finish_readings
from esr.meta import Functions
from esr.meta.adaptation import Adaptation, adapted_copies
from esr.models import Batch, SymbolicModel
from esr.problem import Problem
from experiments.recovery import same_law

__all__ = ["Laws", "Symbolic", "exact_support", "laws_found"]


@dataclass(frozen=True)
class Symbolic:
    """How symbolic success is measured; the same for every objective.

    Arguments:
        functions: How many of the test functions in domain, at least 0; 0 leaves the measure out.
        steps: Numbers of steps of Adam after which equations are read, each at least 0.
        rate: Step size of Adam, positive.
        structure: Factor on the structure term while adapting, at least 0.
        seconds: Time limit of each equation, positive; what is not done by then is not found.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    functions: int = 20
    steps: Sequence[int] = (5, 25)
    rate: float = 0.01
    structure: float = 0.0
    seconds: float = 10.0

    def __post_init__(self) -> None:
        counts = [self.functions, *self.steps]
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in counts):
            raise ConfigurationError(
                "task.symbolic.functions and steps must be integers of at least 0, but are "
                f"{self.functions!r} and {list(self.steps)}"
            )
        if not self.steps or not self.seconds > 0:
            raise ConfigurationError(
                "task.symbolic.steps must hold at least one number, and seconds must be positive, "
                f"but they are {list(self.steps)} and {self.seconds}"
            )
        self.adaptation()

    def adaptation(self) -> Adaptation:
        """How copies adapt."""
        return Adaptation(Adam, self.rate, structure=self.structure)


@dataclass(frozen=True)
class Laws:
    """Which laws were found.

    Arguments:
        found: After each number of steps, bool `(K,)`.
        kinds: The member that each function is of, `(K,)`.
        names: What the members are called.
    """

    found: Mapping[int, Tensor]
    kinds: Tensor
    names: Sequence[str]

    def metrics(self) -> dict[str, float]:
        """The shares of all functions and of those of each member that occurs."""
        metrics = {}
        for steps, found in self.found.items():
            metrics[f"laws_{steps}"] = float(found.double().mean())
            for kind, name in enumerate(self.names):
                own = found[self.kinds == kind]
                if len(self.names) > 1 and len(own):
                    metrics[f"laws_{steps}_{name}"] = float(own.double().mean())
        return metrics

    def rows(self) -> list[tuple[str, str]]:
        """Rows of the closing table."""
        rows = []
        for steps, found in self.found.items():
            cells = [f"{int(found.sum())} of {len(found)}"]
            for kind, name in enumerate(self.names):
                own = found[self.kinds == kind]
                if len(self.names) > 1 and len(own):
                    cells.append(f"{name} {int(own.sum())} of {len(own)}")
            rows.append((f"laws found after {steps} steps of Adam", ", ".join(cells)))
        return rows


def exact_support(functions: Functions, support: Batch) -> Batch:
    """The support points with their true values in float64: `(K, N, D)` and `(K, N, 1)`."""
    inputs = support.inputs.double()
    return Batch(inputs, functions.evaluate(inputs))


def laws_found(
    model: SymbolicModel,
    replica: int,
    truths: Sequence[Expression],
    support: Batch,
    symbolic: Symbolic,
    *,
    variables: Sequence[str],
    generator: Generator | None = None,
) -> dict[int, Tensor]:
    """Which functions' laws copies of a model are after so many steps, finished.

    Nothing but the support points is known of a function: copies adapt to them, and their
    readings are finished and judged on them.

    Arguments:
        model: The start of all copies.
        replica: The replica that counts.
        truths: The law of each of the K functions.
        support: Points `(K, N, D)` with values `(K, N, 1)`, float64 and free of noise.
        symbolic: How many steps, and how.
        variables: Names of the D variables.
        generator: Feeds relaxed choices while adapting.
    Returns:
        For each number of steps whether each law was found, bool `(K,)`.
    """
    steps, count = sorted(set(symbolic.steps)), len(truths)
    dtype = next(model.parameters()).dtype
    batch = Batch(*(tensor.to(dtype) for tensor in support))
    problems = [
        Problem(inputs.cpu(), targets.cpu(), variables)
        for inputs, targets in zip(*support, strict=True)
    ]
    found: dict[int, Tensor] = {}
    walk = adapted_copies(model, batch, symbolic.adaptation(), generator=generator)
    with Progress(transient=True) as progress:
        bar = progress.add_task("laws", total=len(steps) * count)
        for step, copies in zip(range(steps[-1] + 1), walk, strict=False):
            if step not in steps or not isinstance(copies, SymbolicModel):
                continue
            found[step] = torch.zeros(count, dtype=torch.bool)
            for place, reading in enumerate(_readings(copies, replica, count, variables)):
                found[step][place] = reading is not None and _is_law(
                    reading, problems[place], truths[place], symbolic.seconds
                )
                progress.advance(bar)
    return found


def _readings(
    copies: SymbolicModel, replica: int, count: int, variables: Sequence[str]
) -> list[Expression | None]:
    """What each copy of a replica spells, None where it has diverged."""
    try:
        readings = copies.expressions(variables)
    except ValueError:  # some weight is not finite; all copies share the tensors
        return [None] * count
    return [outputs[0] for outputs in readings[replica * count : (replica + 1) * count]]


def _is_law(reading: Expression, data: Problem, truth: Expression, seconds: float) -> bool:
    """Whether the finished reading is the truth; not if that takes too long to tell."""

    def judged() -> bool:
        finished = finish_readings([reading], data, data, seconds=seconds / 2)
        return same_law(finished.best.expression, truth)

    try:
        return run_with_time_limit(judged, seconds)
    except (TimeLimitExceeded, DataError):
        return False
