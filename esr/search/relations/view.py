"""A view of the data: a target to express in some variables, and the way back to an equation."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from esr.equations import Expression, Variable
from esr.search.question import Question
from esr.search.relations.exponents import power_products
from esr.search.relations.power_sum import Exponents
from esr.search.relations.writing import Writer

__all__ = ["View"]

Back = Callable[[Expression], Expression]


@dataclass(frozen=True)
class View:
    r"""A target :math:`t = g(y)` as a function of some of the variables.

    Arguments:
        variables: D variables.
        values: Their values, `(N, D)`.
        target: t, `(N,)`.
        importance: :math:`\sqrt{w}\,|dy/dt|`, `(N,)`: a residual of t times this is, to first
            order, how much y is missed by.
        back: The equation of y from an expression of t.
        size: Root mean square of y.
    """

    variables: tuple[Expression, ...]
    values: Tensor
    target: Tensor
    importance: Tensor
    back: Back
    size: float

    @classmethod
    def of(cls, question: Question) -> "View":
        """The training rows as they are, with those variables that vary."""
        rows = question.training
        varies = (rows.inputs != rows.inputs[:1]).any(0)
        names = [n for n, moves in zip(rows.variables, varies.tolist(), strict=True) if moves]
        size = float((rows.weights * rows.target.square()).mean().sqrt())
        return cls(
            tuple(Variable(name) for name in names),
            rows.inputs[:, varies],
            rows.target,
            rows.weights.sqrt(),
            lambda expression: expression,
            size,
        )

    @property
    def weighted(self) -> Tensor:
        """The target times its importance, `(N,)`."""
        return self.target * self.importance

    def transformed(self, target: Tensor, slope: Tensor, back: Back) -> "View":
        """A view of another function of the target.

        Arguments:
            target: :math:`h(t)`, `(N,)`.
            slope: :math:`|dt/dh|`, `(N,)`.
            back: An expression of t from one of h(t).
        """
        before = self.back
        return replace(
            self,
            target=target,
            importance=self.importance * slope,
            back=lambda expression: before(back(expression)),
        )

    def divided(self, exponents: Exponents, writer: Writer) -> "View":
        """A view of the target divided by a product of powers, which a sum comes back without.

        Variables with an exponent other than 0 are no longer part of it.

        Arguments:
            exponents: One for each variable, not all 0 and not all different from 0.
            writer: Writes the product.
        """
        factor = power_products(self.values, [exponents])[:, 0]
        left = [place for place, exponent in enumerate(exponents) if exponent == 0]
        variables = self.variables

        def times(expression: Expression) -> Expression:
            return writer.product(1.0, (*exponents, 1.0), (*variables, expression))

        reduced = self.transformed(self.target / factor, factor.abs(), times)
        return replace(
            reduced,
            variables=tuple(variables[place] for place in left),
            values=self.values[:, left],
        )
