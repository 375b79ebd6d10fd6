"""How long it takes to write the rows down with the help of an equation."""

import math

from esr.finishing import Candidate
from esr.search.question import Question

__all__ = ["description_length"]

_SYMBOL = math.log(20)
"""Nats of a node, one of about twenty symbols."""
_SIGN_AND_SIZE = 2.0
"""Nats of a fitted constant beside its precision."""
_RESOLUTION = 1e-14
"""Mean squared error, relative to the target's variance, below which all are the same."""


def description_length(candidate: Candidate, question: Question) -> float:
    r"""Nats for the misfit of all N rows, the nodes, and each constant.

    .. math:: \tfrac N2 \ln \mathrm{mse} + C \ln 20
              + \sum_c \min\bigl(d_c \ln 10,\ \tfrac12 \ln N + 2\bigr)

    The first term is the length of Gaussian residuals whose variance is estimated, so no level of
    noise is assumed. A constant is written in its :math:`d_c` decimal digits (none for a whole
    number below 10), or, if that is shorter, to the precision to which N rows determine it.

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
    fitted = 0.5 * math.log(rows) + _SIGN_AND_SIZE
    constants = sum(
        min(_digits(value) * math.log(10), fitted) for value in candidate.expression.constants
    )
    return rows / 2 * math.log(error) + candidate.expression.complexity * _SYMBOL + constants


def _digits(value: float) -> int:
    """Significant decimal digits, at most 12, and none for a small whole number."""
    if value.is_integer() and abs(value) < 10:
        return 0
    mantissa = f"{value:.11e}".partition("e")[0].lstrip("-").rstrip("0").replace(".", "")
    return len(mantissa)
