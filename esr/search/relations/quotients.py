"""Polynomials and quotients of polynomials: complete sets of monomials, and elimination."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations import Expression
from esr.search.relations.desk import Desk
from esr.search.relations.elimination import backward_path, first_relation, sparse_solution
from esr.search.relations.exponents import graded, power_products
from esr.search.relations.power_sum import Exponents, PowerSum
from esr.search.relations.view import View

__all__ = [
    "exact_polynomials",
    "exact_quotients",
    "inexact_polynomials",
    "inexact_quotients",
    "suggest_sum",
]

_UNKNOWNS, _MOST = 0.6, 130
"""Largest number of unknowns, per row and in all."""
_DEGREE, _QUOTIENT_DEGREE, _EVEN_DEGREE = 8, 5, 3
_MOST_TERMS = 12
"""A quotient of more terms, if it is exact, is one that many functions come near to."""
_LIMIT = 1e-11
"""Largest share of y that a relation may miss before constants are refitted."""
_SAME_NUMBER = 1e-8
_INEXACT_UNKNOWNS, _MOST_INEXACT, _LONGEST = 0.25, 60, 8

Part = list[tuple[Exponents, float]]


def exact_polynomials(view: View, desk: Desk) -> None:
    """Offer the sparse polynomial that equals the target, if there is one.

    Arguments:
        view: What is looked at.
        desk: Where equations are offered.
    """
    most = max(1, min(_MOST, int(_UNKNOWNS * len(view.target))))
    exponents = graded(len(view.variables), _DEGREE, most)
    columns = power_products(view.values, exponents) * view.importance[:, None]
    if not bool(torch.isfinite(columns).all()):
        return
    found = sparse_solution(columns, view.weighted, _LIMIT * view.size)
    if found is not None and found.columns:
        powers = _sum(view, [exponents[c] for c in found.columns], found.numbers)
        desk.offer(view.back(desk.writer.sum(powers)))


def exact_quotients(view: View, desk: Desk, scale: float = 1.0) -> None:
    """Offer the simplest relation t Q(x) = P(x) between the target and polynomials, if any.

    Arguments:
        view: What is looked at.
        desk: Where equations are offered.
        scale: The polynomials are in the variables to this power.
    """
    most = max(1, min(_MOST, int(_UNKNOWNS * len(view.target))))
    degree = _QUOTIENT_DEGREE if scale == 1 else _EVEN_DEGREE
    columns = _by_degree(graded(len(view.variables), degree, most), scale, most)
    values = power_products(view.values, [key for key, _ in columns]) * view.importance[:, None]
    holds_target = torch.tensor([of_target for _, of_target in columns])
    values = torch.where(holds_target, values * view.target[:, None], values)
    if not bool(torch.isfinite(values).all()):
        return
    relation = first_relation(values, _LIMIT)
    if relation is None or len(relation[1].columns) >= _MOST_TERMS:
        return
    last, found = relation
    chosen = [*zip(found.columns, found.numbers, strict=True), (last, -1.0)]
    above = [(columns[c][0], number) for c, number in chosen if not columns[c][1]]
    below = [(columns[c][0], -number) for c, number in chosen if columns[c][1]]
    if above and below:
        desk.offer(_quotient(view, desk, above, below))


def _by_degree(
    exponents: Sequence[Exponents], scale: float, most: int
) -> list[tuple[Exponents, bool]]:
    """Monomials, and monomials times the target, by degree; fewer of those with the target."""
    columns: list[tuple[Exponents, bool]] = []
    for degree in sorted({sum(key) for key in exponents}):
        shell = [tuple(scale * e for e in key) for key in exponents if sum(key) == degree]
        for of_target in (False, True):
            if len(columns) + len(shell) <= most:
                columns += [(key, of_target) for key in shell]
    return columns


def _quotient(
    view: View, desk: Desk, above: Part, below: Part, tolerance: float = _SAME_NUMBER
) -> Expression:
    """The equation of y, numbers divided by the one that makes most of them whole."""
    numbers = [number for _, number in (*above, *below)]

    def whole(unit: float) -> int:
        ratios = [number / unit for number in numbers]
        return sum(abs(ratio - round(ratio)) <= tolerance * abs(ratio) for ratio in ratios)

    unit = max(numbers, key=whole)
    sums = [
        _sum(view, [key for key, _ in part], [number / unit for _, number in part]).rounded(
            tolerance
        )
        for part in (above, below)
    ]
    return view.back(desk.writer.quotient(*sums))


def _sum(view: View, exponents: Sequence[Exponents], numbers: Sequence[float]) -> PowerSum:
    return PowerSum.of(view.variables, exponents, numbers).rounded(_SAME_NUMBER)


def inexact_polynomials(view: View, desk: Desk) -> None:
    """Suggest the polynomials of backward elimination, from several terms to one.

    Arguments:
        view: What is looked at.
        desk: Where equations are suggested.
    """
    most = max(2, min(_MOST_INEXACT, int(_INEXACT_UNKNOWNS * len(view.target))))
    for degree in range(1, _DEGREE + 1):
        exponents = graded(len(view.variables), degree, most)
        if sum(exponents[-1]) < degree:
            return
        columns = power_products(view.values, exponents) * view.importance[:, None]
        for found in backward_path(columns, view.weighted, _LONGEST):
            powers = _sum(view, [exponents[c] for c in found.columns], found.numbers)
            suggest_sum(view, desk, found.miss, powers)


def suggest_sum(view: View, desk: Desk, miss: float, powers: PowerSum) -> None:
    """Suggest a sum in the view's variables.

    Arguments:
        view: What is looked at.
        desk: Where it is suggested.
        miss: Root mean squared residual.
        powers: The sum.
    """

    def write(tolerance: float) -> Expression:
        return view.back(desk.writer.sum(powers.rounded(tolerance)))

    desk.suggest(miss, powers.nodes(), write)


def inexact_quotients(view: View, desk: Desk) -> None:
    """Suggest quotients of polynomials by backward elimination.

    The relation is solved for the target times each monomial of low degree in turn.

    Arguments:
        view: What is looked at.
        desk: Where equations are suggested.
    """
    most = max(2, min(_MOST_INEXACT, int(_INEXACT_UNKNOWNS * len(view.target))))
    exponents = graded(len(view.variables), 3, most // 2)
    short = [place for place, key in enumerate(exponents) if sum(key) <= 2]
    values = power_products(view.values, exponents) * view.importance[:, None]
    products = values[:, short] * view.target[:, None]
    for unit in range(len(short)):
        size = float(values[:, short[unit]].norm()) / len(values) ** 0.5
        others = [place for place in range(len(short)) if place != unit]
        columns = torch.cat([values, -products[:, others]], 1) / size
        keys = [*exponents, *(exponents[short[place]] for place in others)]
        for found in backward_path(columns, products[:, unit] / size, _LONGEST):
            chosen = list(zip(found.columns, found.numbers, strict=True))
            above = [(keys[c], number) for c, number in chosen if c < len(exponents)]
            below = [(keys[c], number) for c, number in chosen if c >= len(exponents)]
            if above and below:
                below = [(exponents[short[unit]], 1.0), *below]
                miss = _quotient_miss(view, above, below)
                _suggest_quotient(view, desk, miss, above, below)


def _suggest_quotient(view: View, desk: Desk, miss: float, above: Part, below: Part) -> None:
    nodes = sum(_sum(view, *zip(*part, strict=True)).nodes() for part in (above, below))
    desk.suggest(miss, nodes, lambda tolerance: _quotient(view, desk, above, below, tolerance))


def _quotient_miss(view: View, above: Part, below: Part) -> float:
    """Root mean squared residual of the quotient itself."""
    top, bottom = (_values(view, part) for part in (above, below))
    return float(((top / bottom - view.target) * view.importance).square().mean().sqrt())


def _values(view: View, part: Part) -> Tensor:
    numbers = view.target.new_tensor([number for _, number in part])
    return power_products(view.values, [key for key, _ in part]) @ numbers
