"""Whether an expression that was found is the truth, exactly or up to its constants."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy
from torch import Tensor

from esr.equations import (
    STANDARD,
    Call,
    Constant,
    Expression,
    TimeLimitExceeded,
    Variable,
    fit_constants,
    folded_exponents,
    from_sympy,
    prefix,
    run_with_time_limit,
    simplify,
    spread_phases,
    to_sympy,
)

__all__ = ["LARGEST_ERROR", "Recovery", "judge_recovery", "same_law", "same_structure"]

LARGEST_ERROR = 1e-8
"""Mean squared error below which values are those of the truth."""
DECIMALS, DIGITS = 3, 6
_SMALL_CHANGE = 0.01
"""Share of a constant that rounding may change where exponents are folded."""
_LARGEST_STRUCTURE = 200
"""Nodes of an expression, simplified, whose constants are worth refitting."""
_ARITHMETIC = {STANDARD[name] for name in ("add", "sub", "mul", "div", "pow", "neg")}


@dataclass(frozen=True)
class Recovery:
    """What became of the truth.

    Arguments:
        exact: Whether the expression is the truth: symbolically with constants to three
            decimals, and by its values.
        structure: Whether it is the truth but for the values of its constants; exact includes it.
    """

    exact: bool
    structure: bool


def judge_recovery(
    found: Expression,
    truth: Expression,
    inputs: Mapping[str, Tensor],
    *,
    seconds: float = 30.0,
) -> Recovery:
    """Compare an expression that was found with the truth.

    Arguments:
        found: Any expression.
        truth: The expression that made the data.
        inputs: Each variable's values, `(N,)`, free of noise, where the values must agree.
        seconds: Time limit; what is undecided by then counts as not recovered.
    """
    target = truth.evaluate(inputs)  # (N,)

    def exact() -> bool:
        return _error(found, inputs, target) < LARGEST_ERROR and same_law(found, truth)

    def structure() -> bool:
        return same_structure(found, truth, inputs)

    if _in_time(exact, seconds):
        return Recovery(exact=True, structure=True)
    return Recovery(exact=False, structure=_in_time(structure, seconds))


def same_law(found: Expression, truth: Expression) -> bool:
    """Whether two expressions are equal, or are with constants rounded.

    Constants are rounded to three decimals, large ones to six digits, since a quotient may be
    written with any common factor. They are merged before that: 2*pi is 6.283, not 2 times
    3.142. Phases count modulo whole turns, what is added in an exponent as the factor it is, and
    a sum of logarithms as the logarithm of a product, and a root as what its square is: the
    caller compares values, which tells the branch.
    """
    if found.equals(truth):
        return True
    forms = [simplify, _spread, _one_logarithm]
    if _survives_rounding(_folded(truth)):
        forms.append(_folded)
    if _has_root(found) or _has_root(truth):
        forms.insert(0, _squared)
    return any(_rounded(form(found)).equals(_rounded(form(truth))) is True for form in forms)


def _spread(expression: Expression) -> Expression:
    """Simplified, with waves as sines and cosines without phases."""
    return simplify(spread_phases(expression))


def _folded(expression: Expression) -> Expression:
    """As `_spread`, with exponentials without shifts too."""
    return simplify(folded_exponents(simplify(spread_phases(expression))))


def _one_logarithm(expression: Expression) -> Expression:
    """Simplified, with sums of logarithms as one: the values tell whether both are defined."""
    return simplify(from_sympy(sympy.logcombine(to_sympy(simplify(expression)), force=True)))


def _squared(expression: Expression) -> Expression:
    """The square, simplified: where values agree too, equal squares are equal laws."""
    return simplify(expression**2)


def _has_root(expression: Expression) -> bool:
    """Whether there is a square root, or another half power."""
    return any(
        isinstance(node, Call)
        and (
            node.primitive == STANDARD["sqrt"]
            or (
                node.primitive == STANDARD["pow"]
                and isinstance(node.arguments[1], Constant)
                and (2 * node.arguments[1].value) % 2 == 1
            )
        )
        for node in prefix(expression)
    )


def _survives_rounding(expression: Expression) -> bool:
    """Whether no constant, such as the factor of exp(10*x - 10), is too small for rounding."""
    pairs = zip(expression.constants, _rounded(expression).constants, strict=True)
    return all(abs(new - old) <= _SMALL_CHANGE * abs(old) for old, new in pairs)


def same_structure(found: Expression, truth: Expression, inputs: Mapping[str, Tensor]) -> bool:
    """Whether an expression becomes the truth by other constants, and needs all its parts.

    What vanishes as constants are rounded is left out first. Then the constants, exponents that
    are not whole numbers included, are refitted to the truth's own values from where they are.
    The structure is the truth's if the result is the truth, symbolically and by its values, and
    no part was superfluous: no constant went to zero, and with its constants rounded the result
    simplifies to as many variables and functions as before. So `1.02*x**2 + 0.003*x` has not the
    structure of `x**2`, nor has `sin(6.2*x) + 0.01*sin(6.4*x)` that of `sin(2*pi*x)`.

    Arguments:
        found: Any expression.
        truth: The expression to compare with.
        inputs: Each variable's values, `(N,)`, free of noise.
    """
    simple = simplify(_rounded(simplify(found)))
    target = truth.evaluate(inputs)
    if simple.complexity > _LARGEST_STRUCTURE or not math.isfinite(_error(simple, inputs, target)):
        return False
    fit = fit_constants(simple, inputs, target, exponents=True)
    if not fit.mse < LARGEST_ERROR:
        return False
    refitted = _rounded(fit.expression)
    vanished = any(
        new == 0 and old != 0
        for new, old in zip(refitted.constants, simple.constants, strict=True)
    )
    if vanished or _parts(simplify(refitted)) < _parts(simple):
        return False
    return same_law(fit.expression, truth)


def _rounded(expression: Expression) -> Expression:
    """The same tree with constants to three decimals or six digits, whichever is coarser."""
    values = [round(value, DECIMALS) for value in expression.constants]
    return expression.with_constants([float(f"{value:.{DIGITS}g}") for value in values])


def _parts(expression: Expression) -> int:
    """Number of variables and of functions other than arithmetic."""
    return sum(
        isinstance(node, Variable)
        or (isinstance(node, Call) and node.primitive not in _ARITHMETIC)
        for node in prefix(expression)
        if not isinstance(node, Constant)
    )


def _error(expression: Expression, inputs: Mapping[str, Tensor], target: Tensor) -> float:
    """Mean squared error, infinite where it is not a number."""
    if not set(expression.variables) <= set(inputs):
        return math.inf
    error = float((expression.evaluate(inputs) - target).square().mean())
    return error if math.isfinite(error) else math.inf


def _in_time(question: Callable[[], bool], seconds: float) -> bool:
    """The answer, or no if it takes too long."""
    try:
        return run_with_time_limit(question, seconds)
    except TimeLimitExceeded:
        return False
