r"""Which variables enter as a factor that is a power, told before the rest is known.

The logarithm of the target is fitted by a polynomial in those of the variables. For
:math:`t = x_i^a h(\text{others})` the terms with :math:`\log x_i` are its linear one, with the
number a, and no others: how far the others are from 0, in standard errors, says how sure it is.
"""

import itertools

import torch
from torch import Tensor

from esr.search.relations.power_sum import Exponents
from esr.search.relations.view import View

__all__ = ["power_factors"]

_SHARE = 0.4
"""Largest number of terms per row."""
_HIGHER_SHARE = 0.25
_MOST_DEGREE = 4
_LARGEST_T = (8.0, 4.0)
"""Beyond so many standard errors an interaction is real: taken generously, and strictly."""
_ERRORS, _NEAR, _FAR = 4.0, 0.02, 0.25
_LARGEST_ERROR, _SURE = 0.12, 0.03
"""Standard errors of exponents beyond which nothing is said, and below which all is."""


def power_factors(view: View) -> list[Exponents]:
    """Products of powers that the target may have as factors, the longest first.

    Arguments:
        view: What is looked at.
    Returns:
        Exponents of at most three products, never of all variables; none if the target has a zero.
    """
    count, rows = len(view.variables), len(view.target)
    if count < 2 or bool((view.target == 0).any()):
        return []
    terms = _terms(count, rows)
    if len(terms) > _SHARE * rows:
        return []
    positive = ((view.values > 0).all(0) | (view.values < 0).all(0)).tolist()
    axes = [
        column.abs().log() if fine else column
        for column, fine in zip(view.values.unbind(1), positive, strict=True)
    ]
    centred = torch.stack(axes, 1)
    centred = centred - centred.mean(0)
    columns = torch.stack([centred[:, list(term)].prod(1) for term in terms], 1)  # (N, K)
    weights = (view.importance * view.target.abs())[:, None]
    numbers, errors = _fit(columns * weights, view.target.abs().log() * weights[:, 0])
    guesses: list[tuple[float, int, float]] = []
    for axis in range(count):
        slope = terms.index((axis,))
        number, error = float(numbers[slope]), float(errors[slope])
        exponent = round(2 * number) / 2
        near = abs(number - exponent) <= min(_FAR, max(_NEAR, _ERRORS * error))
        mixed = [place for place, term in enumerate(terms) if axis in term and len(term) > 1]
        t = float((numbers[mixed] / errors[mixed]).abs().max())
        if positive[axis] and near and exponent != 0 and error <= _LARGEST_ERROR:
            guesses.append((t, axis, exponent))
    guesses.sort()
    sizes = [sum(t <= largest for t, _, _ in guesses) for largest in _LARGEST_T]
    if float(errors[1 : 1 + count].max()) > _SURE:
        sizes.append(min(1, sizes[0]))
    found: dict[Exponents, None] = {}
    for size in sizes:
        powers = {axis: exponent for _, axis, exponent in guesses[:size]}
        if 0 < size < count:
            found[tuple(powers.get(axis, 0.0) for axis in range(count))] = None
    return list(found)


def _terms(count: int, rows: int) -> list[tuple[int, ...]]:
    """Products of axes up to the second degree, and of higher ones while rows are many."""
    terms: list[tuple[int, ...]] = [()]
    for degree in range(1, _MOST_DEGREE + 1):
        shell = list(itertools.combinations_with_replacement(range(count), degree))
        if degree > 2 and len(terms) + len(shell) > _HIGHER_SHARE * rows:
            break
        terms += shell
    return terms


def _fit(columns: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares and its standard errors, `(K,)` each."""
    norms = columns.norm(dim=0)
    norms = torch.where(norms > 0, norms, torch.ones_like(norms))
    inverse = torch.linalg.pinv(columns / norms, rtol=1e-10)  # (K, N)
    numbers = inverse @ target
    residuals = target - columns / norms @ numbers
    spare = max(1, len(target) - columns.shape[1])
    errors = (residuals.square().sum() / spare).sqrt() * inverse.norm(dim=1)
    return numbers / norms, errors / norms + 1e-300
