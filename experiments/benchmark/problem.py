"""One problem of a suite: an expression to be found again from samples of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.problem import Problem
from esr.random import RandomStreams

__all__ = ["BenchmarkProblem", "Range", "Ranges"]

Range = Sequence[float]
Ranges = Range | Mapping[str, Range]


@dataclass(frozen=True)
class BenchmarkProblem:
    """An expression, where it is sampled for training and where it is tested.

    Arguments:
        name: What the problem is called, also on the command line.
        expression: The truth as text.
        variables: Names of the columns; those of the expression, sorted, if empty. Further names
            are columns that the truth does not use.
        ranges: Range [low, high] of training rows, for all variables or one for each.
        test_ranges: The same for test rows.
        samples: Number of training rows, at least 2.
        test_samples: Number of test rows, at least 2.
    Raises:
        ConfigurationError: If a name is missing, a range is empty or a size too small.
        ParseError: If the text is not an expression in the variables.
    """

    name: str
    expression: str
    variables: tuple[str, ...]
    ranges: Ranges
    test_ranges: Ranges
    samples: int
    test_samples: int

    def __post_init__(self) -> None:
        truth = Expression.parse(self.expression, variables=self.variables or None)
        object.__setattr__(self, "variables", tuple(self.variables) or truth.variables)
        if not self.variables:
            raise ConfigurationError(f"problem '{self.name}': '{truth}' has no variable")
        for what, size in (("samples", self.samples), ("test_samples", self.test_samples)):
            if isinstance(size, bool) or not isinstance(size, int) or size < 2:
                raise ConfigurationError(
                    f"problem '{self.name}': {what} must be an integer of at least 2, "
                    f"but is {size!r}"
                )
        for what in ("ranges", "test_ranges"):
            object.__setattr__(self, what, self._complete(what, getattr(self, what)))

    @property
    def truth(self) -> Expression:
        """The expression that makes the data."""
        return Expression.parse(self.expression, variables=self.variables)

    def draw(self, streams: RandomStreams, noise: float = 0.0) -> tuple[Problem, Problem]:
        """Training and test rows, float64.

        Arguments:
            streams: `data` and `tests` place the rows, `noise` blurs the training targets.
            noise: Standard deviation of normal noise, in units of that of the targets.
        Raises:
            DataError: If the truth is not finite at every row.
        """
        training = self._sample(streams, "data", self.ranges, self.samples)
        test = self._sample(streams, "tests", self.test_ranges, self.test_samples)
        if noise > 0:
            y = training.targets
            generator = streams["noise"]
            draw = torch.randn(y.shape, generator=generator, device=y.device, dtype=y.dtype)
            training = Problem(training.inputs, y + noise * y.std() * draw, self.variables)
        return training, test

    def settings(self) -> dict[str, object]:
        """Everything that decides the rows, as plain values."""
        return {
            "expression": self.expression,
            "variables": list(self.variables),
            "ranges": self.ranges,
            "test_ranges": self.test_ranges,
            "samples": self.samples,
            "test_samples": self.test_samples,
        }

    def _sample(
        self, streams: RandomStreams, stream: str, ranges: Ranges, samples: int
    ) -> Problem:
        generator = streams[stream]
        unit = torch.rand(
            len(self.variables),
            samples,
            generator=generator,
            device=generator.device,
            dtype=torch.float64,
        )  # (D, N)
        columns: list[Tensor] = []
        for name, share in zip(self.variables, unit, strict=True):
            low, high = _ends(ranges, name)
            columns.append(low + (high - low) * share)
        y = self.truth.evaluate(dict(zip(self.variables, columns, strict=True)))
        if not bool(torch.isfinite(y).all()):
            raise DataError(
                f"problem '{self.name}': '{self.truth}' is not finite everywhere on {ranges}; "
                "choose other ranges"
            )
        return Problem(torch.stack(columns, dim=1), y[:, None], self.variables)

    def _complete(self, what: str, ranges: Ranges) -> dict[str, list[float]]:
        """A checked range for each variable."""
        if isinstance(ranges, Mapping) and set(ranges) != set(self.variables):
            raise ConfigurationError(
                f"problem '{self.name}': {what} names {sorted(ranges)}, but the variables are "
                f"{list(self.variables)}"
            )
        complete = {}
        for name in self.variables:
            ends = [float(end) for end in _ends(ranges, name)]
            if len(ends) != 2 or not ends[0] < ends[1]:
                raise ConfigurationError(
                    f"problem '{self.name}': {what} of {name} must be [low, high] with "
                    f"low < high, but is {ends}"
                )
            complete[name] = ends
        return complete


def _ends(ranges: Ranges, name: str) -> Range:
    return ranges[name] if isinstance(ranges, Mapping) else ranges
