"""Systems of differential equations: rates to be found from the states of simulated paths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError, ParseError
from esr.problem import Problem
from esr.random import RandomStreams
from experiments.benchmark.problems import NamedProblems

__all__ = ["SystemProblem", "SystemSettings", "SystemSuite", "simulate"]


class SystemSettings(TypedDict):
    """What a suite says of one system."""

    rates: Mapping[str, str]
    starts: Sequence[Sequence[float]]


def simulate(rates: Mapping[str, Expression], starts: Tensor, steps: int, step: float) -> Tensor:
    r"""Paths of a system of two states, by the scheme of the published data.

    Within a step the first state moves along a straight line, at its rate at the beginning, and
    the second follows it by the third-order rule of Bogacki and Shampine:

    .. math:: k_1 = g(x, y), \quad k_2 = g(x + hf/2, y + hk_1/2), \quad
        k_3 = g(x + 3hf/4, y + 3hk_2/4), \quad
        (x, y) \to (x + hf, y + h(2k_1 + 3k_2 + 4k_3)/9)

    Arguments:
        rates: The rate :math:`f` of the first state and :math:`g` of the second, by their names.
        starts: First states, shape `(K, 2)`.
        steps: Number of states of each path, the first among them.
        step: Time :math:`h` between states, above 0.
    Returns:
        States, shape `(K, steps, 2)`.
    Source: La Cava, Danai and Spector (2016), https://doi.org/10.1016/j.engappai.2016.07.004,
        data at https://github.com/lacava/ode-strogatz. The scheme is read off these data, which
        it gives again to rounding; the exact paths are others.
    """
    names, (first, second) = tuple(rates), rates.values()
    x, y = starts.unbind(1)
    states = [torch.stack((x, y), dim=1)]
    for _ in range(steps - 1):  # each state follows from the one before
        f = first.evaluate(dict(zip(names, (x, y), strict=True)))
        slopes: list[Tensor] = []
        for share in (0.0, 0.5, 0.75):
            ahead = y + share * step * slopes[-1] if slopes else y
            values = (x + share * step * f, ahead)
            slopes.append(second.evaluate(dict(zip(names, values, strict=True))))
        x = x + step * f
        y = y + step * (2 * slopes[0] + 3 * slopes[1] + 4 * slopes[2]) / 9
        states.append(torch.stack((x, y), dim=1))
    return torch.stack(states, dim=1)


@dataclass(frozen=True)
class SystemProblem:
    """The rate of one state of a system, from states along its paths.

    Arguments:
        name: What the problem is called.
        variables: Names of the two states.
        rates: Text of the rate of each.
        of: Which rate is to be found, 0 or 1.
        starts: First states of the paths, `(K, 2)`.
        steps: Number of states of each path.
        step: Time between them.
        test_share: Share of the rows that are test rows, drawn at random.
    Raises:
        ConfigurationError: If there are not two states, or a number is out of range.
        ParseError: If a rate is not an expression in the states.
    """

    name: str
    variables: tuple[str, ...]
    rates: tuple[str, ...]
    of: int
    starts: tuple[tuple[float, ...], ...]
    steps: int
    step: float
    test_share: float

    def __post_init__(self) -> None:
        if len(self.variables) != 2 or any(len(start) != 2 for start in self.starts):
            raise ConfigurationError(
                f"problem '{self.name}': a system has two states and starts of two numbers, but "
                f"the states are {list(self.variables)} and the starts {list(self.starts)}"
            )
        if len(self.starts) * self.steps < 4 or self.step <= 0 or not 0 < self.test_share < 1:
            raise ConfigurationError(
                f"problem '{self.name}': at least 4 rows, a step above 0 and a test_share between "
                f"0 and 1 are needed, but there are {len(self.starts)} paths of {self.steps} "
                f"states, step {self.step} and test_share {self.test_share}"
            )
        for text in self.rates:
            Expression.parse(text, variables=self.variables)

    @property
    def expression(self) -> str:
        """The rate to be found, as text."""
        return self.rates[self.of]

    @property
    def truth(self) -> Expression:
        """The rate to be found."""
        return Expression.parse(self.expression, variables=self.variables)

    def draw(self, streams: RandomStreams, noise: float = 0.0) -> tuple[Problem, Problem]:
        """Training and test rows of the paths, float64.

        Arguments:
            streams: `data` says which rows are test rows, `noise` blurs the training targets.
            noise: Standard deviation of normal noise, in units of that of the targets.
        Raises:
            DataError: If a path leaves where the rates are finite.
        """
        rates = {
            name: Expression.parse(text, variables=self.variables)
            for name, text in zip(self.variables, self.rates, strict=True)
        }
        starts = torch.tensor(self.starts, dtype=torch.float64, device=streams.device)
        states = simulate(rates, starts, self.steps, self.step).flatten(0, 1)  # (N, 2)
        y = self.truth.evaluate(dict(zip(self.variables, states.unbind(1), strict=True)))
        if not bool(torch.isfinite(states).all() and torch.isfinite(y).all()):
            raise DataError(f"problem '{self.name}': a path leaves where its rates are finite")
        generator = streams["data"]
        order = torch.randperm(len(y), generator=generator, device=generator.device)
        tests = round(self.test_share * len(y))
        training, test = order[tests:], order[:tests]
        blurred = y[training]
        if noise > 0:
            draw = torch.randn(
                blurred.shape, generator=streams["noise"], device=y.device, dtype=y.dtype
            )
            blurred = blurred + noise * blurred.std() * draw
        return (
            Problem(states[training], blurred[:, None], self.variables),
            Problem(states[test], y[test, None], self.variables),
        )

    def settings(self) -> dict[str, object]:
        """Everything that decides the rows, as plain values."""
        return {
            "expression": self.expression,
            "variables": list(self.variables),
            "rates": list(self.rates),
            "starts": [list(start) for start in self.starts],
            "steps": self.steps,
            "step": self.step,
            "test_share": self.test_share,
        }


class SystemSuite(NamedProblems):
    """Two problems for each system: the rate of its first state and that of its second.

    They are named after the system with 1 and 2 behind it.

    Arguments:
        systems: By name, the text of the rate of each state and the first states of the paths.
        steps: Number of states of each path.
        step: Time between them.
        test_share: Share of the rows that are test rows.
    Raises:
        ConfigurationError: If there is no system, or one cannot be used; it is named.
    """

    def __init__(
        self,
        systems: Mapping[str, SystemSettings],
        steps: int = 100,
        step: float = 0.1,
        test_share: float = 0.25,
    ) -> None:
        problems = {}
        for name, given in systems.items():
            rates = given["rates"]
            starts = tuple(tuple(float(value) for value in start) for start in given["starts"])
            for of in range(len(rates)):
                called = f"{name}{of + 1}"
                texts = tuple(rates.values())
                try:
                    problems[called] = SystemProblem(
                        called, tuple(rates), texts, of, starts, steps, step, test_share
                    )
                except ParseError as error:
                    raise ConfigurationError(f"problem '{called}': {error.reason}") from error
        super().__init__(problems)
