"""Sparse polynomials under noise: the best of all sets of a few monomials."""

import itertools
import math

import torch
from torch import Tensor

from esr.search.relations.desk import Desk
from esr.search.relations.elimination import Support, combination
from esr.search.relations.exponents import graded, power_products
from esr.search.relations.power_sum import PowerSum
from esr.search.relations.quotients import suggest_sum
from esr.search.relations.view import View

__all__ = ["best_subsets", "suggest_sparse_polynomials"]

_DEGREE, _MONOMIALS, _TERMS, _SETS = 8, 24, 6, 20_000
"""Limits on degrees, monomials, terms, and sets of one size."""
_ROWS_FOR_ONE = 2
"""Rows for each term."""
_KEPT = 3
_RIDGE = 1e-12


def best_subsets(columns: Tensor, target: Tensor, most: int, kept: int) -> list[Support]:
    """The sets of columns that miss a target least, a few of each size.

    All sets of a size are solved as one batch, from products of the columns.

    Arguments:
        columns: Shape `(N, K)`, finite.
        target: Shape `(N,)`.
        most: Largest number of columns; a size of which there are more than 20,000 sets ends it.
        kept: How many of each size.
    """
    norms = columns.norm(dim=0).clamp(min=1e-300)
    scaled = columns / norms
    gram, slopes = scaled.T @ scaled, scaled.T @ target
    found: list[Support] = []
    for size in range(1, min(most, columns.shape[1]) + 1):
        if math.comb(columns.shape[1], size) > _SETS:
            break
        sets = torch.tensor(
            list(itertools.combinations(range(columns.shape[1]), size)), device=columns.device
        )
        parts = gram[sets[:, :, None], sets[:, None, :]]
        eye = torch.eye(size, dtype=gram.dtype, device=gram.device)
        sides = slopes[sets]
        explained = (sides * torch.linalg.solve(parts + _RIDGE * eye, sides)).sum(1)
        for place in explained.topk(min(kept, len(sets))).indices.tolist():
            chosen = sets[place].tolist()
            solved = combination(columns[:, chosen], target)
            places = tuple(chosen[column] for column in solved.columns)
            found.append(Support(places, solved.numbers, solved.miss))
    return found


def suggest_sparse_polynomials(view: View, desk: Desk) -> None:
    """Suggest the best sums of one to six monomials.

    Arguments:
        view: What is looked at.
        desk: Where equations are suggested.
    """
    exponents = graded(len(view.variables), _DEGREE, _MONOMIALS)
    most = min(_TERMS, len(view.target) // _ROWS_FOR_ONE)
    columns = power_products(view.values, exponents) * view.importance[:, None]
    if not exponents or not bool(torch.isfinite(columns).all()):
        return
    for found in best_subsets(columns, view.weighted, most, _KEPT):
        if not found.columns:
            continue
        keys = [exponents[column] for column in found.columns]
        powers = PowerSum.of(view.variables, keys, found.numbers)
        suggest_sum(view, desk, found.miss, powers)
