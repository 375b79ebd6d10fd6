"""Division units with a price for denominators outside their domain (EQL with division)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.eql.units import UnitGroup
from esr.equations import STANDARD, Primitive

__all__ = ["THRESHOLD", "division_units", "domain_price", "with_division"]

THRESHOLD = 0.1
"""Denominators up to this size give the quotient 0 while training, and cost something."""


def _quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    inside = denominator > THRESHOLD
    return torch.where(inside, numerator / torch.where(inside, denominator, 1.0), 0.0)


def _slopes(value: Tensor, numerator: Tensor, denominator: Tensor) -> tuple[Tensor, Tensor]:
    inside = denominator > THRESHOLD
    inverse = torch.where(inside, 1 / torch.where(inside, denominator, 1.0), 0.0)
    return inverse, -value * inverse


_DIVISION = Primitive("div", 2, _quotient, STANDARD["div"].sympy_function, derivative=_slopes)


def division_units(count: int) -> UnitGroup:
    r"""Units for quotients that train without poles and are read as ordinary quotients.

    .. math:: h(a, b) = a/b \text{ if } b > \theta \text{ else } 0

    Arguments:
        count: Number of units, at least 1.
    Source: Sahoo, Lampert, Martius (2018), eq. 3, https://arxiv.org/abs/1806.07259. Deviations:
        any hidden layer may have them, not the last alone; the threshold is fixed.
    """
    return UnitGroup(_DIVISION, count, reads_as=STANDARD["div"])


def with_division(groups: Sequence[UnitGroup]) -> tuple[UnitGroup, ...]:
    """The groups with plain quotients, which have poles, replaced by division units."""
    return tuple(
        division_units(group.count) if group.primitive == STANDARD["div"] else group
        for group in groups
    )


def domain_price(groups: Sequence[UnitGroup], operands: Tensor) -> Tensor | None:
    r"""What denominators outside the domain cost one layer, or None if it has no division.

    .. math:: P = \frac1N \sum_n \sum_u \max(\theta - b_{nu}, 0)

    Arguments:
        groups: The layer's unit groups.
        operands: Its pre-activations, `(R, G, N)`.
    Returns:
        Shape `(R,)`, in units of the denominators.
    Source: as `division_units`, eq. 6, with the mean over samples in place of the sum.
    """
    price: Tensor | None = None
    start = 0
    for group in groups:
        if group.primitive == _DIVISION:
            below = operands[:, start + group.count : start + group.operands]
            part = (THRESHOLD - below).clamp(min=0).sum(1).mean(1)
            price = part if price is None else price + part
        start += group.operands
    return price
