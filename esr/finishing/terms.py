"""The terms of an expression's sums: what each removal leaves, and what it should cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from esr.equations import STANDARD, Call, Constant, Expression

__all__ = ["Removal", "removals"]

_SUMS = (STANDARD["add"], STANDARD["sub"])


@dataclass(frozen=True)
class Removal:
    """An expression without one term of one of its sums.

    Arguments:
        expression: What is left.
        coefficient: The place of the lost term's leading factor among the constants of the
            whole expression, or None if it has no such factor.
    """

    expression: Expression
    coefficient: int | None

    def cost(self, constants: Sequence[float], standard_errors: Sequence[float]) -> float | None:
        r"""What the removal costs by the linear model: :math:`(c / \mathrm{se}(c))^2`.

        For a linear least-squares fit it is the growth of the sum of squares in units of the
        residual variance. None if the term has no coefficient or it has no error.
        """
        if self.coefficient is None or not standard_errors[self.coefficient] > 0:
            return None
        return (constants[self.coefficient] / standard_errors[self.coefficient]) ** 2


def removals(expression: Expression) -> list[Removal]:
    """All expressions that lack exactly one term of one sum, also of sums inside functions."""
    return list(_removals(expression, 0))


def _removals(expression: Expression, first: int) -> Iterator[Removal]:
    """Removals of an expression whose first constant is number `first` of the whole."""
    if not isinstance(expression, Call):
        return
    starts, start = [], first
    for place, argument in enumerate(expression.arguments):
        starts.append(start)
        for removal in _removals(argument, start):
            arguments = list(expression.arguments)
            arguments[place] = removal.expression
            yield Removal(Call(expression.primitive, tuple(arguments)), removal.coefficient)
        start += len(argument.constants)
    if expression.primitive in _SUMS:
        left, right = expression.arguments
        yield Removal(left, _coefficient(right, starts[1]))
        if not (isinstance(left, Call) and left.primitive in _SUMS):
            rest = right if expression.primitive == STANDARD["add"] else -right
            yield Removal(rest, _coefficient(left, starts[0]))


def _coefficient(term: Expression, first: int) -> int | None:
    """The place of the factor that makes the whole term vanish when it is zero."""
    while isinstance(term, Call) and term.primitive in (
        STANDARD["mul"],
        STANDARD["div"],
        STANDARD["neg"],
    ):
        term = term.arguments[0]
    return first if isinstance(term, Constant) else None
