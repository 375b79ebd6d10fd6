"""Whether two expressions are the same function."""

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import sympy
from torch import Tensor

from esr.equations.agreement import Agreement, compare
from esr.equations.exact import decimal_fraction, simplest_number
from esr.equations.expression import Expression
from esr.equations.folding import fold_constants
from esr.equations.sympy_bridge import to_sympy
from esr.equations.time_limit import TimeLimitExceeded, run_with_time_limit

__all__ = ["symbolically_equal"]

_DIGITS = 50  # of the evaluations that refute what float64 cannot
_ROUNDING = sympy.Float(10) ** -30  # differences below this are rounding at that many digits
_HUGE = 1e4  # sympy can take forever over exp(10**10), digit by digit
_WITNESSES = 6
_REFUTING_SHARE = 0.1  # of the points: rounding spoils isolated ones
_CONSTANT_SHARE = 1e-4  # of the tolerance, allowed when a constant is replaced by a fraction


def symbolically_equal(
    first: Expression,
    second: Expression,
    *,
    seconds: float = 5.0,
    tolerance: float = 1e-9,
    decimals: int | None = None,
) -> bool | None:
    """Whether two expressions are the same real function where both are defined.

    Constants are read as measured numbers: each stands for the simplest fraction (or small
    fraction of pi) within `1e-4 * tolerance` of it, so that 0.1 + 0.2 equals 0.3 and
    `sin(1.0*x)` equals `sin(x)`. Then

    1. values at fixed points in float64 refute equality if at a tenth of the points they differ
       by more than `tolerance` relative to the largest intermediate result (fewer may be
       rounding); points where one is not finite do not count, so `x/x` equals 1 and
       `log(x**2)` equals `2*log(x)`;
    2. sympy expands the difference; if it vanishes, they are equal;
    3. values with 50 digits, of the constants as they are, refute equality if at one of a few
       points, those suspected in step 1 first, they differ by more than `tolerance` relative to
       the values; without variables this decides;
    4. sympy simplifies the difference; if it vanishes, they are equal.

    Arguments:
        first: An expression.
        second: Another one; its variables may be others.
        seconds: Time limit of steps 2 to 4, above 0.
        tolerance: Relative difference of values that counts as one, above 0 and below 1.
        decimals: Round the constants to that many decimals first; `None` to leave them.
    Returns:
        `True` if proven, `False` if refuted, `None` if undecided: nothing tells the two apart
        but no proof was found in time, or they are defined together at none of the points.
    Raises:
        ValueError: If `tolerance` or `seconds` is out of range.
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must be above 0 and below 1, but is {tolerance!r}")
    if decimals is not None:
        first, second = _rounded(first, decimals), _rounded(second, decimals)
    if first == second:
        return True
    agreement = compare(first, second, tolerance)
    if not agreement.common.any():
        return None
    if agreement.apart.sum() > _REFUTING_SHARE * agreement.common.sum():
        return False
    try:
        return run_with_time_limit(lambda: _attempt(first, second, agreement, tolerance), seconds)
    except TimeLimitExceeded:
        return None


def _attempt(
    first: Expression, second: Expression, agreement: Agreement, tolerance: float
) -> bool | None:
    """Steps 2 to 4, undecided where sympy fails."""
    try:
        return _proof(first, second, agreement, tolerance)
    except (ValueError, TypeError, ArithmeticError, RecursionError, NotImplementedError):
        return None  # the ways in which sympy gives up on an expression


def _rounded(expression: Expression, decimals: int) -> Expression:
    return expression.with_constants([round(value, decimals) for value in expression.constants])


def _proof(
    first: Expression, second: Expression, agreement: Agreement, tolerance: float
) -> bool | None:
    """Steps 2 to 4."""
    first, second = (fold_constants(part, beyond=_HUGE) for part in (first, second))
    positive = _positive_variables(agreement)

    def simplest(value: float) -> sympy.Expr:
        return simplest_number(value, _CONSTANT_SHARE * tolerance)

    left, right = (
        to_sympy(expression, number=simplest, positive=positive) for expression in (first, second)
    )
    difference = sympy.expand(left - right)
    if difference == 0:
        return True
    if _refuted(first, second, agreement, tolerance):
        return False
    if not difference.free_symbols:
        return True
    exponential = difference.rewrite((sympy.tanh, sympy.sinh, sympy.cosh), sympy.exp)
    return True if sympy.simplify(exponential) == 0 else None


def _refuted(
    first: Expression, second: Expression, agreement: Agreement, tolerance: float
) -> bool:
    """Step 3, with the constants as they are: some functions amplify their rounding."""
    left, right = (to_sympy(part, number=decimal_fraction) for part in (first, second))
    points = _witnesses(agreement, left.free_symbols | right.free_symbols)
    for point in points:
        # substitution in evalf stays numeric, while subs would compute huge powers exactly
        first_value, second_value = (part.evalf(_DIGITS, subs=point) for part in (left, right))
        if _differ(first_value, second_value, tolerance):
            return True
    return False


def _positive_variables(agreement: Agreement) -> list[str]:
    """Variables that are positive wherever both expressions are defined."""
    return [
        name
        for name, values in agreement.points.items()
        if bool((values[agreement.common] > 0).all())
    ]


def _witnesses(
    agreement: Agreement, symbols: Iterable[sympy.Symbol]
) -> Sequence[dict[sympy.Symbol, sympy.Rational]]:
    """A few exact points where both expressions are defined, and suspected ones before them."""
    points = []
    for index in _spread(agreement.apart) + _spread(agreement.common):
        fractions = {s: Fraction(float(agreement.points[s.name][index])) for s in symbols}
        points.append(
            {s: sympy.Rational(f.numerator, f.denominator) for s, f in fractions.items()}
        )
    return points


def _spread(mask: Tensor) -> list[int]:
    """A few indices at which the mask `(N,)` is true, spread over all of them."""
    indices: list[int] = mask.nonzero()[:, 0].tolist()
    return indices[:: math.ceil(len(indices) / _WITNESSES) or 1]


def _differ(left: sympy.Expr, right: sympy.Expr, tolerance: float) -> bool:
    """Whether two numbers are real and differ by more than the tolerance."""
    if not (left.is_comparable and right.is_comparable):
        return False
    gap, size = abs(left - right), max(abs(left), abs(right))
    return bool(gap > _ROUNDING and gap > tolerance * size)
