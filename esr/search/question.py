"""What a search is asked: rows to explain, rows to judge by, and what an answer may be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from esr.equations import STANDARD, Call, Constant, Expression, PrimitiveSet, prefix
from esr.finishing import MACHINE_PRECISION
from esr.problem import Problem

__all__ = ["ExpressionRules", "NoRules", "Question", "Rows"]

_OPERATORS = frozenset(STANDARD[name] for name in ("add", "sub", "mul", "div", "neg"))
_POW = STANDARD["pow"]


class ExpressionRules(Protocol):
    """Which equations are allowed."""

    def allows(self, expression: Expression) -> bool:
        """Whether this may be the whole equation."""
        ...

    def tolerates(self, part: Expression) -> bool:
        """Whether this may be a part of an equation; no if no whole with it is allowed."""
        ...


class NoRules:
    """Everything is allowed."""

    def allows(self, expression: Expression) -> bool:
        """Yes."""
        return True

    def tolerates(self, part: Expression) -> bool:
        """Yes."""
        return True


@dataclass(frozen=True)
class Rows:
    """Rows of data in double precision.

    Arguments:
        inputs: Shape `(N, D)`, finite.
        target: Shape `(N,)`, finite.
        weights: Importance of each row, `(N,)`, not negative, with mean 1.
        variables: D names.
    """

    inputs: Tensor
    target: Tensor
    weights: Tensor
    variables: tuple[str, ...]

    @classmethod
    def of(cls, inputs: Tensor, target: Tensor, variables: Sequence[str]) -> "Rows":
        """Rows of equal weight.

        Arguments:
            inputs: Shape `(N, D)`.
            target: Shape `(N,)`.
            variables: D names.
        Raises:
            DataError: If shapes disagree or a value is not finite.
        """
        problem = Problem(inputs.double(), target.double()[:, None], tuple(variables))
        target = problem.targets[:, 0]
        return cls(problem.inputs, target, target.new_ones(len(target)), tuple(variables))

    @property
    def columns(self) -> dict[str, Tensor]:
        """The values `(N,)` of each variable."""
        return dict(zip(self.variables, self.inputs.unbind(1), strict=True))

    def taken(self, rows: Tensor) -> "Rows":
        """The rows of these indices `(N',)`, weights again with mean 1."""
        weights = self.weights[rows]
        mean = weights.mean()
        weights = weights / mean if bool(mean > 0) else weights.new_ones(len(weights))
        return Rows(self.inputs[rows], self.target[rows], weights, self.variables)


@dataclass(frozen=True)
class Question:
    """An equation is wanted for `target` in terms of `variables`.

    Arguments:
        training: Rows that constants are fitted to and that retrieval looks at.
        validation: Rows that equations are judged by, unseen by any fit.
        primitives: Functions that may occur. The operators + - * / and whole powers always may,
            half powers where there is `sqrt`, and any power where there is `pow`.
        rules: Which equations are allowed.
        max_complexity: Largest number of nodes of an equation.
        precision: Share of the target's mean square that an exact equation may miss by rounding.
    """

    training: Rows
    validation: Rows
    primitives: PrimitiveSet = STANDARD
    rules: ExpressionRules = NoRules()  # noqa: RUF009 - it has no state
    max_complexity: int = 60
    precision: float = MACHINE_PRECISION

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables."""
        return self.training.variables

    @property
    def rounding_error(self) -> float:
        """Mean squared error that rounding alone may leave."""
        square = float((self.training.weights * self.training.target.square()).mean())
        return self.precision * square + math.ulp(0.0)

    def permits(self, expression: Expression) -> bool:
        """Whether an expression has only functions that may occur."""
        return all(
            node.primitive in _OPERATORS
            or self.primitives.get(node.primitive.name) == node.primitive
            or (node.primitive == _POW and self._permits_power(node.arguments[1]))
            for node in prefix(expression)
            if isinstance(node, Call)
        )

    def _permits_power(self, exponent: Expression) -> bool:
        if not isinstance(exponent, Constant):
            return False
        doubled = 2 * exponent.value
        return (doubled / 2).is_integer() or (doubled.is_integer() and "sqrt" in self.primitives)
