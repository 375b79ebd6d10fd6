"""A suite: problems by name, with what they share said once."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from esr.errors import ConfigurationError, ParseError, suggestion
from experiments.benchmark.problem import BenchmarkProblem, Ranges
from experiments.benchmark.problems import NamedProblems

__all__ = ["ProblemSettings", "Suite"]


class ProblemSettings(TypedDict, total=False):
    """What a suite says of one problem; only the expression is required."""

    expression: str
    variables: Sequence[str]
    ranges: Ranges
    test_ranges: Ranges
    samples: int
    test_samples: int


class Suite(NamedProblems):
    """Problems that are reported together.

    Arguments:
        problems: Name to the text of an expression, or to a mapping with `expression` and any of
            the other `ProblemSettings`.
        ranges: Range [low, high] of training rows where a problem says nothing else.
        test_ranges: Range of test rows; that of the training rows unless given.
        samples: Number of training rows where a problem says nothing else.
        test_samples: Number of test rows where a problem says nothing else.
    Raises:
        ConfigurationError: If there is no problem, or one cannot be used; it is named.
    """

    def __init__(
        self,
        problems: Mapping[str, str | ProblemSettings],
        ranges: Ranges = (-1.0, 1.0),
        test_ranges: Ranges | None = None,
        samples: int = 256,
        test_samples: int = 1000,
    ) -> None:
        self._ranges, self._test_ranges = ranges, test_ranges
        self._samples, self._test_samples = samples, test_samples
        super().__init__({str(name): self._problem(str(name), g) for name, g in problems.items()})

    def _problem(self, name: str, given: str | ProblemSettings) -> BenchmarkProblem:
        own: ProblemSettings = {"expression": given} if isinstance(given, str) else given
        if not isinstance(own, Mapping) or not isinstance(own.get("expression"), str):
            raise ConfigurationError(
                f"problem '{name}' must be the text of an expression or have an `expression`, "
                f"but is {given!r}"
            )
        for key in own:
            if key not in ProblemSettings.__annotations__:
                close = suggestion(key, ProblemSettings.__annotations__)
                raise ConfigurationError(
                    f"problem '{name}' has an unknown setting '{key}': {close}"
                )
        ranges = own.get("ranges", self._ranges)
        elsewhere = self._test_ranges if self._test_ranges is not None else ranges
        try:
            return BenchmarkProblem(
                name,
                own["expression"],
                tuple(own.get("variables", ())),
                ranges,
                own.get("test_ranges", elsewhere),
                own.get("samples", self._samples),
                own.get("test_samples", self._test_samples),
            )
        except ParseError as error:
            raise ConfigurationError(f"problem '{name}': {error.reason}") from error
