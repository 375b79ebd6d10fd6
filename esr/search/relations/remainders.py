r"""A simple term and a product: :math:`t = c\,m(x) + \prod_i x_i^{a_i} f(x)^b`.

For each simple m and a few numbers c the rest of the target, :math:`t - c\,m`, is tried as a
product, all of them at once: the exponents may be any, so that no set of terms has to hold them.
"""

from dataclasses import replace

from esr.equations import Expression
from esr.search.relations.desk import Desk
from esr.search.relations.exponents import laurent, power_products
from esr.search.relations.factors import Factors
from esr.search.relations.power_sum import Exponents, PowerSum
from esr.search.relations.products import offer_products
from esr.search.relations.retrieval import Pool
from esr.search.relations.view import View

__all__ = ["Remainders"]

_NUMBERS = (1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 1 / 3, -1 / 3, 4.0, -4.0, 0.25, -0.25)
_FEW_NUMBERS = 4
_SIZE, _MOST = 2, 60
_EXACT = 1e-13
"""Share of a logarithm's square that is left beside an exact product."""
_TRIED = 4


class Remainders:
    """What is left of targets in some variables, and which products it may be.

    Arguments:
        view: Whose variables; a target does not matter here.
        factors: What products are made of.
    """

    def __init__(self, view: View, factors: Factors) -> None:
        count = len(view.variables)
        self._exponents = [(0.0,) * count, *laurent(count, _SIZE, _MOST)]
        self._terms = power_products(view.values, self._exponents)  # (N, M)
        self._factors = factors
        alone = Pool(factors.base, factors.columns[:, :0])
        rich = Pool(factors.base, factors.columns)
        self._pools = ((alone, len(_NUMBERS)), (rich, _FEW_NUMBERS))

    def offer(self, view: View, desk: Desk) -> None:
        """Offer sums of a simple term and a product; only exact ones are looked for.

        Fewer numbers are tried where a product may hold functions.

        Arguments:
            view: What is looked at, with the same variables.
            desk: Where equations are offered.
        """
        for pool, count in self._pools:
            numbers = self._terms.new_tensor(_NUMBERS[:count])
            rest = view.target[:, None, None] - self._terms[:, :, None] * numbers
            logs = rest.flatten(1).abs().log()  # (N, M * C)
            for place in pool.exact_targets(logs, _EXACT, _TRIED):
                if desk.closed():
                    return
                term, number = divmod(place, count)
                _offer(
                    replace(view, target=rest[:, term, number]),
                    desk,
                    self._factors,
                    self._exponents[term],
                    _NUMBERS[number],
                )


def _offer(rest: View, desk: Desk, factors: Factors, exponents: Exponents, number: float) -> None:
    """Offer the products that the rest is, each with the term added."""
    term = desk.writer.sum(PowerSum(rest.variables, {exponents: abs(number)}))
    before = rest.back

    def back(product: Expression) -> Expression:
        return before(product - term if number < 0 else product + term)

    offer_products(replace(rest, back=back), desk, factors)
