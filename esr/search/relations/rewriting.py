"""Shorter sums of the same value: squares completed, common factors of some terms taken out."""

import math
from collections.abc import Callable, Iterator

from esr.equations import Expression
from esr.search.relations.power_sum import Exponents, PowerSum

__all__ = ["grouped", "squares_completed"]

_SAME = 1e-7
"""Relative difference of numbers that are the same."""
_GROUPS = 2

Write = Callable[[PowerSum], Expression]


def squares_completed(powers: PowerSum, write: Write) -> PowerSum | None:
    r"""The sum with each binomial square written as one.

    .. math:: a u^2 + b u w + c w^2 = a \big(u + \tfrac{b}{2a} w\big)^2, \quad b^2 = 4 a c

    Arguments:
        powers: The sum.
        write: Writes the sum that is squared; it becomes an atom.
    Returns:
        None if there is no such square.
    """
    found = None
    while (square := _square(powers, write)) is not None:
        powers = found = square
    return found


def _square(powers: PowerSum, write: Write) -> PowerSum | None:
    terms = list(powers.terms.items())
    for place, (first, a) in enumerate(terms):
        for second, c in terms[place + 1 :]:
            half = [_half(first), _half(second)]
            middle = tuple((x + y) / 2 for x, y in zip(first, second, strict=True))
            b = powers.terms.get(middle, 0.0)
            if None in half or b == 0 or a * c <= 0 or middle in (first, second):
                continue
            if abs(b * b - 4 * a * c) <= _SAME * b * b:
                ratio = math.copysign(math.sqrt(c / a), b / a)
                ratio = float(round(ratio)) if abs(ratio - round(ratio)) <= _SAME else ratio
                inner = PowerSum(powers.atoms, {_half(first): 1.0, _half(second): ratio})  # type: ignore[dict-item]
                return _with_atom(powers, {first, second, middle}, write(inner), (), 2.0, a)
    return None


def _half(exponents: Exponents) -> Exponents | None:
    """The exponents of a whole square root."""
    half = tuple(e / 2 for e in exponents)
    return half if all(e.is_integer() for e in half) else None


def grouped(powers: PowerSum, write: Write) -> Iterator[PowerSum]:
    """The sum with terms that share a power of an atom gathered in one product.

    Arguments:
        powers: The sum.
        write: Writes the sum that is left of the terms; it becomes an atom.
    """
    sides: list[tuple[int, list[Exponents]]] = []
    for atom in range(len(powers.atoms)):
        for sign in (1, -1):
            sharing = [key for key in powers.terms if sign * key[atom] > 0]
            if 2 <= len(sharing) < len(powers.terms):
                sides.append((len(sharing), sharing))
    sides.sort(key=lambda side: -side[0])
    for _, sharing in sides[:_GROUPS]:
        part = PowerSum(powers.atoms, {key: powers.terms[key] for key in sharing})
        common = part.content()
        number = part.terms[sharing[0]] if _all_same(part) else 1.0
        inner = write(part.divided(common, number))
        yield _with_atom(powers, set(sharing), inner, common, 1.0, number)


def _all_same(powers: PowerSum) -> bool:
    sizes = [abs(value) for value in powers.terms.values()]
    return max(sizes) - min(sizes) <= 1e-12 * max(sizes)


def _with_atom(
    powers: PowerSum,
    gone: set[Exponents],
    atom: Expression,
    others: Exponents,
    exponent: float,
    number: float,
) -> PowerSum:
    """The sum with some terms replaced by a number times a power of an atom and others.

    The atom may be one of the sum's.
    """
    atoms = powers.atoms if atom in powers.atoms else (*powers.atoms, atom)
    place, wider = atoms.index(atom), (0.0,) * (len(atoms) - len(powers.atoms))
    terms = {(*key, *wider): value for key, value in powers.terms.items() if key not in gone}
    factor = [*(others or (0.0,) * len(powers.atoms)), *wider]
    factor[place] += exponent
    keys, numbers = [*terms, tuple(factor)], [*terms.values(), number]
    return PowerSum.of(atoms, keys, numbers)
