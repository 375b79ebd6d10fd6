"""How long it takes to write the rows down with the help of an equation."""

import functools
import math

from esr.equations import Call, Constant, Expression, fold
from esr.finishing import Candidate, constant_price
from esr.search.question import Question

__all__ = ["description_length", "fitted_price"]

_SYMBOL = math.log(20)
"""Nats of a node, one of about twenty symbols."""
_ALGEBRAIC = frozenset(
    ("add", "sub", "mul", "div", "neg", "pow", "identity", "square", "cube", "inverse", "sqrt")
)
_COMMON = frozenset(("sin", "cos", "exp", "log"))
_RARE = 1.5
"""Further nats of a function that is neither."""
_NESTED = 2.0
"""Further nats of a function that is not algebraic within another, which few laws have."""
_SIGN_AND_SIZE = 3.0
"""Nats of a fitted constant beside its precision."""
_RESOLUTION = 1e-14
"""Mean squared error, relative to the target's variance, below which all are the same."""


def description_length(candidate: Candidate, question: Question) -> float:
    r"""Nats for the misfit of all N rows, the symbols, and each constant.

    .. math:: \tfrac N2 \ln \mathrm{mse} + \sum_s p_s
              + \sum_c \min\bigl(p_c,\ \tfrac12 \ln N + 3\bigr)

    The first term is the length of Gaussian residuals whose variance is estimated, so no level of
    noise is assumed. A symbol costs ln 20, and more if it is a function that few laws have, or
    stands where few have it. A constant is written down as it is, for :math:`p_c` nats
    (`constant_price`: none for a whole number below 10), or, if that is shorter, to the precision
    to which N rows determine it.

    Arguments:
        candidate: The equation.
        question: Training and validation rows; all count, in proportion to their numbers.
    Source: J. Rissanen (1978), Modeling by shortest data description,
        https://doi.org/10.1016/0005-1098(78)90005-5.
    """
    seen, unseen = len(question.training.target), len(question.validation.target)
    rows = seen + unseen
    error = (seen * candidate.training_error + unseen * candidate.validation_error) / rows
    if not math.isfinite(error):
        return math.inf
    spread = float(question.training.target.var(correction=0))
    error = max(error, _RESOLUTION * spread, question.rounding_error)
    return rows / 2 * math.log(error) + _written(candidate.expression, rows)


def fitted_price(rows: int) -> float:
    """Nats for a constant, written to the precision to which so many rows determine it."""
    return 0.5 * math.log(rows) + _SIGN_AND_SIZE


@functools.lru_cache(maxsize=10_000)
def _written(expression: Expression, rows: int) -> float:
    """Nats for writing an equation down."""
    fitted = fitted_price(rows)

    def cost(node: Expression, parts: tuple[tuple[float, bool], ...]) -> tuple[float, bool]:
        """Nats of a part, and whether a function in it is not algebraic."""
        total = _SYMBOL + sum(nats for nats, _ in parts)
        within = any(inside for _, inside in parts)
        if isinstance(node, Constant):
            return total + min(constant_price(node.value), fitted), False
        if not isinstance(node, Call) or node.primitive.base.name in _ALGEBRAIC:
            return total, within
        total += _NESTED if within else 0.0
        return total + (0.0 if node.primitive.base.name in _COMMON else _RARE), True

    return fold(expression, cost)[0]
