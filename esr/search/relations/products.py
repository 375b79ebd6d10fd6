r"""Products of powers: the logarithm of the target is linear in those of its factors.

.. math:: \log|t| = a_0 + \sum_i a_i \log|x_i| + \sum_k b_k \log|f_k(x)| + \sum_l c_l m_l(x)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from esr.equations import Expression
from esr.search.relations.desk import Desk
from esr.search.relations.elimination import combination, sparse_solution
from esr.search.relations.factors import Factors
from esr.search.relations.power_sum import near_fraction
from esr.search.relations.retrieval import Pool
from esr.search.relations.view import View

__all__ = ["offer_products"]

_LIMIT = 1e-10
"""Largest share of y that a product may miss before constants are refitted."""
_SAME_NUMBER = 1e-8
_SINGLES, _PAIRS, _AMONG = 8, 8, 400


def offer_products(view: View, desk: Desk, factors: Factors) -> None:
    """Offer products of powers of the variables and of none, one or two further factors.

    Arguments:
        view: What is looked at; nothing is offered if its target is 0 somewhere.
        desk: Where equations are offered.
        factors: What products are made of.
    """
    if bool((view.target == 0).any()):
        return
    search = _Search(view, desk, factors)
    search.offer([()])
    if desk.closed() or factors.columns.shape[1] == 0:
        return
    pool = Pool(search.base, search.columns)
    search.offer([(place,) for place in pool.singles(search.target, _SINGLES)])
    if not desk.closed():
        search.offer(pool.pairs(search.target, _PAIRS, _AMONG))


class _Search:
    """Logarithms of one view, each row as important as an error of it is for y.

    Arguments:
        view: What is looked at.
        desk: Where equations are offered.
        factors: What products are made of.
    """

    def __init__(self, view: View, desk: Desk, factors: Factors) -> None:
        self._view, self._desk, self._factors = view, desk, factors
        weights = view.importance * view.target.abs()
        self.target = view.target.abs().log() * weights
        self.base = factors.base * weights[:, None]
        self.columns = factors.columns * weights[:, None]

    def offer(self, supports: Sequence[tuple[int, ...]]) -> None:
        """Offer exact products, the shortest first, and suggest the others."""
        exact: list[_Product] = []
        for support in supports:
            columns = torch.cat([self.base, self.columns[:, list(support)]], 1)
            found = combination(columns, self.target)
            limit = _LIMIT * self._view.size
            if found.miss <= limit:
                found = sparse_solution(columns, self.target, limit) or found
                exact.append(self._product(support, found.columns, found.numbers, exact=True))
            else:
                product = self._product(support, found.columns, found.numbers, exact=False)
                self._desk.suggest(found.miss, product.nodes(), partial(self._write, product))
        for product in sorted(exact, key=_Product.nodes):
            self._desk.offer(self._write(product))

    def _product(
        self,
        support: tuple[int, ...],
        chosen: tuple[int, ...],
        coefficients: tuple[float, ...],
        *,
        exact: bool,
    ) -> "_Product":
        """The product with exponents at halves or, if it is exact, at simple fractions."""
        numbers = dict(zip(chosen, coefficients, strict=True))
        variables = self._factors.variables
        atoms = [*variables]
        exponents = [self._exponent(numbers.get(1 + k, 0.0), exact) for k in range(len(atoms))]
        for place, column in enumerate(support, self.base.shape[1]):
            number = numbers.get(place, 0.0)
            if number != 0:
                atom, exponent = self._factors.write[column](near_fraction(number, _SAME_NUMBER))
                atoms.append(atom)
                exponents.append(self._exponent(exponent, exact))
        return _Product(tuple(atoms), tuple(exponents))

    def _exponent(self, number: float, exact: bool) -> float:
        writer = self._desk.writer
        if exact and writer.has_powers:
            return near_fraction(number, _SAME_NUMBER) if abs(number) > _SAME_NUMBER else 0.0
        return round(2 * number) / 2 if writer.has_roots else float(round(number))

    def _write(self, product: "_Product", tolerance: float = _SAME_NUMBER) -> Expression:
        """The equation of y, with the best number in front."""
        view, writer = self._view, self._desk.writer
        plain = writer.product(1.0, product.exponents, product.atoms)
        values = plain.evaluate(self._desk.columns) * view.importance
        number = float(values @ view.weighted / values.square().sum())
        if number == 0 or not abs(number) < torch.inf:
            return plain
        number = near_fraction(number, tolerance)
        return view.back(writer.product(number, product.exponents, product.atoms))


@dataclass(frozen=True)
class _Product:
    """Atoms and their exponents."""

    atoms: tuple[Expression, ...]
    exponents: tuple[float, ...]

    def nodes(self) -> float:
        """About how many nodes it takes to write the product."""
        return 1 + sum(
            (1 if abs(e) == 1 else 2 if abs(e) == 0.5 else 3) + atom.complexity
            for e, atom in zip(self.exponents, self.atoms, strict=True)
            if e != 0
        )
