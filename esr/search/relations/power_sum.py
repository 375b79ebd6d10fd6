"""Sums of powers: numbers times products of powers of a few expressions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esr.equations import Expression

__all__ = ["Exponents", "PowerSum", "is_fraction", "near_fraction"]

Exponents = tuple[float, ...]
"""One exponent for each atom."""


@dataclass(frozen=True)
class PowerSum:
    r"""A sum of products of powers of atoms.

    .. math:: \sum_k c_k \prod_j a_j^{e_{kj}}

    Arguments:
        atoms: The expressions :math:`a_j` that are raised to powers, such as variables.
        terms: The number :math:`c_k`, not 0, of each tuple of exponents :math:`e_k`.
    """

    atoms: tuple[Expression, ...]
    terms: Mapping[Exponents, float]

    @classmethod
    def of(
        cls,
        atoms: Sequence[Expression],
        exponents: Sequence[Exponents],
        numbers: Sequence[float],
    ) -> "PowerSum":
        """The sum of the products of these exponents, each times its number; zeros are left out.

        Arguments:
            atoms: The expressions raised to powers.
            exponents: One tuple for each term; the numbers of equal ones add up.
            numbers: As many as exponents.
        """
        terms: dict[Exponents, float] = {}
        for key, number in zip(exponents, numbers, strict=True):
            terms[key] = terms.get(key, 0.0) + number
        return cls(tuple(atoms), {key: number for key, number in terms.items() if number != 0})

    def divided(self, exponents: Exponents, number: float) -> "PowerSum":
        """The sum divided by a product of powers and a number other than 0."""
        return PowerSum(
            self.atoms,
            {
                tuple(a - b for a, b in zip(key, exponents, strict=True)): value / number
                for key, value in self.terms.items()
            },
        )

    def content(self) -> Exponents:
        """Exponents of what all terms have in common.

        An atom that is a divisor in one term and none, or a factor, in another is left alone.
        """
        columns = list(zip(*self.terms, strict=True)) if self.terms else []
        return tuple(
            min(column) if min(column) > 0 else max(column) if max(column) < 0 else 0.0
            for column in columns
        )

    def rounded(self, tolerance: float) -> "PowerSum":
        """Numbers replaced by whole ones, or fractions with small divisors, if they are near.

        Arguments:
            tolerance: Largest relative difference.
        """
        return PowerSum(
            self.atoms, {key: near_fraction(value, tolerance) for key, value in self.terms.items()}
        )

    def nodes(self) -> float:
        """About how many nodes it takes to write the sum."""
        factors = sum(
            (2 if abs(e) == 1 else 4) * (e != 0) + (atom.complexity - 1) * (e != 0)
            for key in self.terms
            for e, atom in zip(key, self.atoms, strict=True)
        )
        numbers = sum(2 for value in self.terms.values() if abs(value) != 1)
        return factors + numbers


_ROUNDING = 1e-12
_CHANCE = 0.02
"""Distance from a whole number that any number may have by chance."""
_DIVISORS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 50, 100, 1000)


def near_fraction(value: float, tolerance: float) -> float:
    """The fraction with the smallest of a few divisors that is near enough, or the value.

    Arguments:
        value: A finite number.
        tolerance: Largest relative difference; divisors with which chance would meet it are not
            tried.
    """
    fraction = _fraction(value, tolerance)
    return value if fraction is None else fraction


def is_fraction(value: float) -> bool:
    """Whether a number is one of the fractions with small divisors, up to rounding."""
    return _fraction(value, _ROUNDING) is not None


def _fraction(value: float, tolerance: float) -> float | None:
    if value.is_integer():
        return value
    for divisor in _DIVISORS:
        scaled = value * divisor
        near = round(scaled)
        if near != 0 and abs(near - scaled) <= tolerance * abs(scaled):
            return near / divisor
        if abs(scaled) * tolerance > _CHANCE:
            return None
    return None
