"""The base of all tasks that ask an engine for equations of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.models import EnergyModel
from esr.problem import Problem
from esr.random import RandomStreams
from esr.search import Rows
from esr.training import Callback, Phase, Progress
from experiments.front_model import FrontFactory, FrontModel

__all__ = ["EquationSearch", "Wanted", "searched"]


@dataclass(frozen=True)
class Wanted:
    """An equation that is wanted.

    Arguments:
        target: What the equation gives.
        rows: What the search may see.
        test: Rows that it never sees, if there are any.
        truth: The equation, where it is known.
        units: Of the target and the variables, as far as there are any.
    """

    target: str
    rows: Rows
    test: Problem | None = None
    truth: Expression | None = None
    units: Mapping[str, str] = field(default_factory=dict)

    def label(self, name: str) -> str:
        """A variable or the target with its unit, for an axis."""
        unit = self.units.get(name)
        return f"{name} [{unit}]" if unit else name


class EquationSearch:
    """Equations of rows, found by an engine and judged; subclasses say what is wanted."""

    callbacks: Sequence[Callback[object]] = ()

    def __init__(self) -> None:
        self.phases: dict[str, Phase] = {}
        self.wanted: dict[str, Wanted] = {}
        """By name, once `prepare` has made or read the rows."""

    def build(self, make_model: FrontFactory, replicas: int, streams: RandomStreams) -> FrontModel:
        """The engine with its questions."""
        rows = {name: wanted.rows for name, wanted in self.wanted.items()}
        return make_model(rows=rows, replicas=replicas, streams=streams)

    def batch(self, progress: Progress) -> None:
        """Nothing: a question has its rows."""
        return None

    def validate(self, model: EnergyModel[object]) -> Tensor:
        """Mean squared error of each replica's equation on its held-out rows, `(R,)`."""
        return searched(model).errors(validation=True)

    def describe(self, model: EnergyModel[object], replica: int) -> Mapping[str, str]:
        """The equation that a replica has settled on so far."""
        front = searched(model)
        best = front.best(replica)
        name = front.names[replica]
        return {} if best is None else {name: f"{best.expression:.5g}"}


def searched(model: EnergyModel[object]) -> FrontModel:
    """The model as what it must be.

    Raises:
        ConfigurationError: If it is of another kind.
    """
    if not isinstance(model, FrontModel):
        raise ConfigurationError(
            f"this task is for engines, such as model=hopfield_search, not for a "
            f"{type(model).__name__}"
        )
    return model
