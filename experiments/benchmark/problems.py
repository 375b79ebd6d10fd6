"""Problems by name, and what the benchmark asks of each."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from esr.equations import Expression
from esr.errors import ConfigurationError, suggestion
from esr.problem import Problem
from esr.random import RandomStreams

__all__ = ["NamedProblems", "SuiteProblem"]


class SuiteProblem(Protocol):
    """An expression to be found again from rows of it."""

    @property
    def name(self) -> str:
        """What the problem is called, also on the command line."""
        ...

    @property
    def expression(self) -> str:
        """The truth as text."""
        ...

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the columns."""
        ...

    @property
    def truth(self) -> Expression:
        """The truth as an expression."""
        ...

    def draw(self, streams: RandomStreams, noise: float = 0.0) -> tuple[Problem, Problem]:
        """Training and test rows, float64; noise touches the training targets alone.

        Arguments:
            streams: Where draws come from.
            noise: Standard deviation of normal noise, in units of that of the targets.
        """
        ...

    def settings(self) -> dict[str, object]:
        """Everything that decides the rows, as plain values."""
        ...


class NamedProblems:
    """Problems that are reported together.

    Arguments:
        problems: By name, at least one.
    Raises:
        ConfigurationError: If there is none.
    """

    def __init__(self, problems: Mapping[str, SuiteProblem]) -> None:
        if not problems:
            raise ConfigurationError("a suite needs at least one problem, but has none")
        self.problems = dict(problems)

    def select(self, names: Sequence[str]) -> list[SuiteProblem]:
        """The named problems in the order of the suite, or all if none is named.

        Raises:
            ConfigurationError: If a name is unknown; it names the nearest valid ones.
        """
        for name in names:
            if name not in self.problems:
                raise ConfigurationError(
                    f"there is no problem '{name}': {suggestion(name, self.problems)}"
                )
        return [p for n, p in self.problems.items() if not names or n in names]
