"""Finishing an equation read from a network: drop terms the data do not need, refit the rest."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from esr.equations import STANDARD, Call, Expression, fit_constants

__all__ = ["Finished", "eliminate_terms"]


@dataclass(frozen=True)
class Finished:
    """An equation whose remaining terms each matter.

    Arguments:
        expression: With constants refitted.
        mean_squared_error: On the data it was fitted to.
    """

    expression: Expression
    mean_squared_error: float


def eliminate_terms(
    expression: Expression,
    inputs: Mapping[str, Tensor],
    target: Tensor,
    *,
    tolerance: float = 0.01,
    max_complexity: int = 100,
) -> Finished | None:
    r"""Backward elimination: while one term of a sum can go, drop the one that hurts least.

    After each removal all constants are refitted. A removal is allowed while

    .. math:: \mathrm{mse} \le \mathrm{mse}_{full} + (\mathrm{tolerance}\cdot\mathrm{sd}(y))^2

    Arguments:
        expression: Where to start; sums anywhere in it, also inside functions, lose terms.
        inputs: Value of each variable, shape `(N,)`.
        target: y, shape `(N,)`.
        tolerance: Smallest effect, in units of the target's standard deviation, that a term
            must have to stay; at least 0.
        max_complexity: Larger expressions are not worth the time.
    Returns:
        The finished equation, or None if it is too large or does not fit finitely.
    """
    if expression.complexity > max_complexity:
        return None
    fit = fit_constants(expression, inputs, target)
    if not math.isfinite(fit.mse):
        return None
    limit = fit.mse + (tolerance * float(target.std())) ** 2
    while True:
        shorter = [fit_constants(v, inputs, target) for v in _without_one_term(fit.expression)]
        shorter = [candidate for candidate in shorter if candidate.mse <= limit]
        if not shorter:
            return Finished(fit.expression, fit.mse)
        fit = min(shorter, key=lambda candidate: candidate.mse)


def _without_one_term(expression: Expression) -> list[Expression]:
    """All expressions that lack exactly one term of one sum."""
    if not isinstance(expression, Call):
        return []
    variants: list[Expression] = []
    for place, argument in enumerate(expression.arguments):
        for variant in _without_one_term(argument):
            arguments = list(expression.arguments)
            arguments[place] = variant
            variants.append(Call(expression.primitive, tuple(arguments)))
    if expression.primitive in (STANDARD["add"], STANDARD["sub"]):
        left, right = expression.arguments
        variants.append(left)
        if not _is_sum(left):
            variants.append(right if expression.primitive == STANDARD["add"] else -right)
    return variants


def _is_sum(expression: Expression) -> bool:
    return isinstance(expression, Call) and expression.primitive in (
        STANDARD["add"],
        STANDARD["sub"],
    )
