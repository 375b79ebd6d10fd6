"""Numbers on the way from float64 to sympy: exact, as decimals, or as the simplest fraction."""

import math
from fractions import Fraction

import sympy

__all__ = ["decimal_fraction", "exact_number", "simplest_number"]

_LARGEST_EXACT_INTEGER = 2.0**53
_LARGEST_DENOMINATOR_OF_PI = 12
_ROUNDING = 4e-16  # twice the relative spacing of float64, for recognising multiples of pi


def exact_number(value: float) -> sympy.Number:
    """An `Integer` for whole numbers, else a `Float` of the same 53 bits.

    Arguments:
        value: A finite number.
    """
    if float(value).is_integer() and abs(value) <= _LARGEST_EXACT_INTEGER:
        return sympy.Integer(int(value))
    return sympy.Float(float(value))


def decimal_fraction(value: float) -> sympy.Rational:
    """The fraction equal to the shortest decimal that reads back as `value`: 1/10 for 0.1.

    It lies within half a unit in the last place of `value`, so that `0.1 + 0.2 - 0.3` is 0.

    Arguments:
        value: A finite number.
    """
    fraction = Fraction(repr(float(value)))
    return sympy.Rational(fraction.numerator, fraction.denominator)


def simplest_number(value: float, tolerance: float) -> sympy.Expr:
    """The simplest exact number near `value`: a fraction, or a small fraction of pi.

    The fraction is the one of smallest denominator within the tolerance; a multiple of pi is
    recognised when it agrees to rounding and its denominator is at most 12.

    Arguments:
        value: A finite number.
        tolerance: Largest relative deviation of the fraction, above 0.
    Returns:
        For instance 1/3 for 0.3333333333333333 and pi/2 for 1.5707963267948966.
    """
    if value == 0:
        return sympy.Integer(0)
    turns = Fraction(abs(value) / math.pi).limit_denominator(_LARGEST_DENOMINATOR_OF_PI)
    if turns and abs(float(turns) * math.pi - abs(value)) <= _ROUNDING * abs(value):
        return sympy.Rational(turns.numerator, turns.denominator) * (
            sympy.pi if value > 0 else -sympy.pi
        )
    exact, width = Fraction(abs(value)), Fraction(tolerance)
    fraction = _simplest_between(exact * (1 - width), exact * (1 + width))
    return sympy.Rational(int(math.copysign(fraction.numerator, value)), fraction.denominator)


def _simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of smallest denominator in `[low, high]`, for `0 < low <= high`.

    Both ends have the same continued fraction up to some term; there the simplest fraction
    takes the smallest whole number that is not below the lower end.
    """
    terms: list[int] = []
    while True:
        whole = math.ceil(low)
        if whole <= high:
            terms.append(whole)
            break
        terms.append(math.floor(low))
        low, high = 1 / (high - terms[-1]), 1 / (low - terms[-1])
    result = Fraction(terms.pop())
    while terms:
        result = terms.pop() + 1 / result
    return result
