"""Sets of exponents, simple ones first, and the values of products of powers."""

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from esr.search.relations.power_sum import Exponents

__all__ = ["graded", "laurent", "power_products"]


def graded(count: int, degree: int, most: int) -> list[Exponents]:
    """Exponents of all monomials up to a degree, by degree.

    Arguments:
        count: Number of atoms, at least 1.
        degree: Largest degree, at least 0.
        most: No degree is begun that would make them more than this.
    """
    found: list[Exponents] = []
    for total in range(degree + 1):
        shell = list(_shell(count, total))
        if len(found) + len(shell) > most:
            break
        found += shell
    return found


def _shell(count: int, total: int) -> Iterator[Exponents]:
    """Exponents of a degree, powers of the first atom first."""
    for chosen in itertools.combinations_with_replacement(range(count), total):
        yield tuple(float(chosen.count(atom)) for atom in range(count))


def laurent(count: int, size: int, most: int, *, largest: int = 8) -> list[Exponents]:
    """Whole exponents of either sign, by the sum of their sizes; the product 1 is left out.

    Arguments:
        count: Number of atoms, at least 1.
        size: Largest sum of the sizes of exponents.
        most: No sum is begun that would make them more than this.
        largest: Largest size of a single exponent.
    """
    found: list[Exponents] = []
    for total in range(1, size + 1):
        shell = [
            tuple(sign * part for sign, part in zip(signs, parts, strict=True))
            for parts in _shell(count, total)
            if max(parts) <= largest
            for signs in itertools.product(*((1.0, -1.0) if part else (1.0,) for part in parts))
        ]
        if len(found) + len(shell) > most:
            break
        found += shell
    return found


def power_products(values: Tensor, exponents: Sequence[Exponents]) -> Tensor:
    """Products of powers of columns.

    Arguments:
        values: One column for each atom, `(N, D)`.
        exponents: K tuples of D numbers.
    Returns:
        Shape `(N, K)`; not finite where a power is not.
    """
    products = values.new_ones(len(values), len(exponents))
    for atom, column in enumerate(values.unbind(1)):
        powers = sorted({key[atom] for key in exponents})
        if powers in ([], [0.0]):
            continue
        table = torch.stack([column**power for power in powers], 1)  # (N, distinct powers)
        place = {power: index for index, power in enumerate(powers)}
        products = products * table[:, [place[key[atom]] for key in exponents]]
    return products
