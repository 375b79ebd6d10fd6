"""Factors of polynomials in one variable, over the real numbers."""

import torch

from esr.search.relations.power_sum import PowerSum

__all__ = ["real_factors"]

_LARGEST_DEGREE = 6
_REAL = 1e-9
"""Share of a root's size that its imaginary part may have by rounding."""
_SAME_NUMBER = 1e-8


def real_factors(powers: PowerSum) -> list[PowerSum]:
    """Factors of the first and second degree of a polynomial in one of its atoms.

    Arguments:
        powers: A sum; factors are only sought if it is a polynomial of the third to the sixth
            degree in a single atom, with a constant term.
    Returns:
        A number, if it is not 1, and the factors; the sum itself if it is not of that kind.
    """
    degrees = [[(place, e) for place, e in enumerate(key) if e != 0] for key in powers.terms]
    atoms = {place for term in degrees for place, _ in term}
    if len(atoms) != 1 or (0.0,) * len(powers.atoms) not in powers.terms:
        return [powers]
    (atom,) = atoms
    numbers = {key[atom]: value for key, value in powers.terms.items()}
    degree = max(numbers)
    if not all(e >= 0 and float(e).is_integer() for e in numbers):
        return [powers]
    if not 3 <= degree <= _LARGEST_DEGREE:
        return [powers]

    def factor(*coefficients: float) -> PowerSum:
        keys = [
            tuple(float(exponent) if place == atom else 0.0 for place in range(len(powers.atoms)))
            for exponent in range(len(coefficients))
        ]
        largest = max(map(abs, coefficients))
        numbers = [c if abs(c) > _SAME_NUMBER * largest else 0.0 for c in coefficients]
        return PowerSum.of(powers.atoms, keys, numbers).rounded(_SAME_NUMBER)

    leading = numbers[degree]
    found = [factor(leading)] if leading != 1 else []
    for root in _roots([numbers.get(float(e), 0.0) / leading for e in range(int(degree))]):
        if abs(root.imag) <= _REAL * abs(root):
            found.append(factor(-root.real, 1.0))
        elif root.imag > 0:
            found.append(factor(abs(root) ** 2, -2 * root.real, 1.0))
    return found


def _roots(lower: list[float]) -> list[complex]:
    """Roots of the polynomial with these coefficients below a leading 1, by its companion."""
    companion = torch.zeros(len(lower), len(lower), dtype=torch.float64)
    companion[1:, :-1] = torch.eye(len(lower) - 1, dtype=torch.float64)
    companion[:, -1] = -torch.tensor(lower, dtype=torch.float64)
    return [complex(root) for root in torch.linalg.eigvals(companion).tolist()]
