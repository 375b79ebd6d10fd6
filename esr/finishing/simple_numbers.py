"""Numbers that are quickly written: small fractions, plain or times a root, pi or e."""

import functools
import math

__all__ = ["constant_price", "simple_values"]

_FAMILIES = {
    1.0: 0.0,
    math.pi: 2.0,
    1 / math.pi: 2.5,
    math.e: 3.0,
    1 / math.e: 3.0,
    math.sqrt(2): 3.0,
    math.sqrt(math.pi): 3.5,
    1 / math.sqrt(math.pi): 3.5,
    math.sqrt(2 * math.pi): 3.5,
    1 / math.sqrt(2 * math.pi): 3.5,
}
"""Nats for naming each factor."""
_DENOMINATORS = (1, 2, 3, 4, 5, 6, 8, 10)
_FRACTION = 1.0
"""Nats for having a denominator."""
_SMALL = 10
"""Whole numbers below it cost nothing beside their node."""
_SAME = 1e-13
_DIGITS = 12
_NEAREST = 2
"""Numerators on each side of a value that are looked at."""


def simple_values(
    value: float, within: float = 0.0, *, only_fractions: bool = False
) -> dict[float, float]:
    """Simple numbers near a value, and what each costs to write.

    Fractions with denominators up to 10, plain or times pi, e, the square root of 2, pi or 2 pi,
    or an inverse of these.

    Arguments:
        value: Any finite number.
        within: How far they may be from it; at least 2% of it counts as near.
        only_fractions: Whether the fractions are only taken plain.
    Returns:
        Their prices in nats, cheapest first. Zero is not among them.
    """
    found: dict[float, float] = {}
    near = max(within, 0.02 * abs(value))
    for family, named in _FAMILIES.items():
        if only_fractions and family != 1:
            break  # the first is 1
        for denominator in _DENOMINATORS:
            middle = round(value / family * denominator)
            for numerator in range(middle - _NEAREST, middle + _NEAREST + 1):
                if numerator == 0 or math.gcd(numerator, denominator) > 1:
                    continue
                simple = numerator * family / denominator
                if abs(simple - value) <= near:
                    price = named + _fraction_price(numerator, denominator, family == 1)
                    if family == 1:
                        price = min(price, _decimal_price(simple, _DIGITS))
                    found[simple] = min(price, found.get(simple, math.inf))
    return dict(sorted(found.items(), key=lambda pair: (pair[1], abs(pair[0] - value))))


@functools.lru_cache(maxsize=100_000)
def constant_price(value: float, digits: int = _DIGITS) -> float:
    """Nats to write a number down beside its node: as a simple number, or digit by digit.

    Arguments:
        value: Any number.
        digits: Significant decimal digits after which it is cut off, at least 1.
    """
    if value == 0 or not math.isfinite(value):
        return 0.0
    price = _decimal_price(value, digits)
    for family, named in _FAMILIES.items():
        for denominator in _DENOMINATORS:
            exact = value / family * denominator
            numerator = round(exact)
            if numerator != 0 and abs(exact - numerator) <= _SAME * abs(exact):
                written = _fraction_price(numerator, denominator, family == 1)
                price = min(price, named + written)
    return price


def _decimal_price(value: float, digits: int) -> float:
    if _is_small(value):
        return 0.0
    mantissa = f"{value:.{digits - 1}e}".partition("e")[0].lstrip("-").rstrip("0")
    return len(mantissa.replace(".", "")) * math.log(10)


def _is_small(value: float) -> bool:
    return value.is_integer() and abs(value) < _SMALL


def _fraction_price(numerator: int, denominator: int, is_plain: bool) -> float:
    free = _SMALL if is_plain else 2
    whole = 0.0 if abs(numerator) < free else math.log(abs(numerator))
    return whole if denominator == 1 else whole + math.log(denominator) + _FRACTION
