"""Sums of a few terms: powers, functions of simple arguments, and products of both."""

import math
from collections.abc import Sequence

import torch

from esr.search.relations.atoms import Atoms
from esr.search.relations.desk import Desk
from esr.search.relations.elimination import backward_path, misses, sparse_solution
from esr.search.relations.exponents import graded, laurent, power_products
from esr.search.relations.power_sum import Exponents
from esr.search.relations.retrieval import Pool
from esr.search.relations.terms import Combination, Term, Terms
from esr.search.relations.view import View

__all__ = ["few_terms", "offer_few_terms", "offer_function_terms"]

_LIMIT = 1e-10
"""Largest share of y that a sum may miss before constants are refitted."""
_SIZE, _LAURENT, _OF_TARGET, _CALLS = 8, 420, 60, 250
_HALVES, _HALF_SIZE = 60, 3
_SINGLES, _PAIRS, _AMONG, _BEAM, _LONGEST = 4, 6, 500, 4, 5
_BASE, _ROWS_FOR_ONE, _FUNCTION_TERMS = 28, 6, 8000
_SUGGESTED = 3
"""How many inexact sums of a size are suggested."""


def few_terms(view: View, desk: Desk, called: Atoms) -> Terms:
    """Products of powers of the variables, and functions of simple arguments.

    Arguments:
        view: Whose variables.
        desk: Says whether there may be roots.
        called: The functions, simple ones first.
    """
    count = len(view.variables)
    exponents = laurent(count, _SIZE, _LAURENT)
    if desk.writer.has_roots:
        exponents += _halves(view)
    few = called.first(_CALLS)
    nothing = (0.0,) * count
    terms = [Term(key) for key in exponents] + [Term(nothing, build) for build in few.write]
    return Terms(tuple(terms), torch.cat([power_products(view.values, exponents), few.values], 1))


def _halves(view: View) -> list[Exponents]:
    """Roots of variables that are not negative, and of their products and quotients."""
    positive = (view.values >= 0).all(0).tolist()
    keys = laurent(len(positive), _HALF_SIZE, _HALVES, largest=_HALF_SIZE)
    halves = [tuple(exponent / 2 for exponent in key) for key in keys]
    return [
        key
        for key in halves
        if not all(e.is_integer() for e in key)
        and all(e.is_integer() or fine for e, fine in zip(key, positive, strict=True))
    ]


def offer_few_terms(view: View, desk: Desk, terms: Terms) -> None:
    """Offer sums of up to five terms, found by pairs and then one term after another.

    The target times a power may be a term too, so that quotients are found.

    Arguments:
        view: What is looked at.
        desk: Where equations are offered.
        terms: What sums are made of.
    """
    count = len(view.variables)
    factors = laurent(count, _SIZE, _OF_TARGET)
    products = power_products(view.values, factors) * view.target[:, None]
    pool = terms.joined(Terms(tuple(Term(key, of_target=True) for key in factors), products))
    base = Terms((Term((0.0,) * count),), torch.ones_like(view.values[:, :1]))
    search = _Search(view, desk, base, pool)
    search.offer([()])
    search.offer([(place,) for place in search.pool.singles(view.weighted, _SINGLES)])
    if desk.closed():
        return
    supports = search.offer(search.pool.pairs(view.weighted, _PAIRS, _AMONG))
    for _ in range(_LONGEST - 2):
        if desk.closed():
            return
        grown = [
            support
            for shorter in supports[:_BEAM]
            for support in search.pool.grown(shorter, view.weighted, _BEAM)
        ]
        supports = search.offer(list(dict.fromkeys(grown)))


def offer_function_terms(view: View, desk: Desk, called: Atoms) -> None:
    """Offer polynomials of the second degree with one or two terms that hold a function.

    Arguments:
        view: What is looked at.
        desk: Where equations are offered.
        called: The functions, simple ones first.
    """
    most = max(1, min(_BASE, len(view.target) // _ROWS_FOR_ONE))
    keys = graded(len(view.variables), 2, most)
    if desk.writer.has_roots:
        roots = [key for key in _halves(view) if min(key) >= 0 and sum(key) <= 1]
        keys += roots[: most - len(keys)]
    by = power_products(view.values, keys)
    called = called.first(_FUNCTION_TERMS // (2 * len(keys)))
    terms, columns = [], []
    for power in (1.0, 2.0):
        for place, key in enumerate(keys):
            terms += [Term(key, build, power) for build in called.write]
            columns.append(called.values**power * by[:, place : place + 1])
    base = Terms(tuple(Term(key) for key in keys), by)
    search = _Search(view, desk, base, Terms(tuple(terms), torch.cat(columns, 1)))
    search.offer([(place,) for place in search.pool.singles(view.weighted, _SINGLES)])
    if not desk.closed():
        search.offer(search.pool.pairs(view.weighted, _PAIRS, _AMONG))


class _Search:
    """Combinations of a base and a few terms of a pool, for one view.

    Arguments:
        view: What is looked at.
        desk: Where equations are offered.
        base: Terms that may always be used; what is superfluous is eliminated.
        pool: Terms to choose from.
    """

    def __init__(self, view: View, desk: Desk, base: Terms, pool: Terms) -> None:
        self._view, self._desk = view, desk
        self._base = len(base.terms)
        self._terms = base.joined(pool)
        self._columns = self._terms.values * view.importance[:, None]
        self.pool = Pool(self._columns[:, : self._base], self._columns[:, self._base :])

    def offer(self, supports: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Offer exact combinations, the shortest first, or suggest the best; best first.

        Arguments:
            supports: Places in the pool, of the same number of terms each.
        """
        if not supports:
            return []
        limit, target = _LIMIT * self._view.size, self._view.weighted
        places = [[*range(self._base), *(self._base + p for p in s)] for s in supports]
        left = misses(self._columns, torch.tensor(places), target).tolist()
        order = sorted(range(len(left)), key=lambda k: left[k] if left[k] >= 0 else math.inf)
        exact: list[Combination] = []
        for rank, k in enumerate(order):
            columns = self._columns[:, places[k]]
            if left[k] <= limit:
                found = sparse_solution(columns, target, limit)
                if found is not None:
                    exact.append(self._chosen(places[k], found.columns, found.numbers))
            elif rank < _SUGGESTED:
                for found in backward_path(columns, target, _LONGEST + 1):
                    self._suggest(
                        found.miss, self._chosen(places[k], found.columns, found.numbers)
                    )
        for chosen in sorted(exact, key=Combination.nodes):
            if chosen.is_usable:
                self._desk.offer(chosen.written(self._view, self._desk.writer))
        return [tuple(supports[k]) for k in order]

    def _chosen(
        self, places: Sequence[int], columns: Sequence[int], numbers: Sequence[float]
    ) -> Combination:
        return Combination(tuple(self._terms.terms[places[c]] for c in columns), tuple(numbers))

    def _suggest(self, miss: float, chosen: Combination) -> None:
        if chosen.is_usable:
            view, writer = self._view, self._desk.writer
            self._desk.suggest(
                miss, chosen.nodes(), lambda tolerance: chosen.written(view, writer, tolerance)
            )
