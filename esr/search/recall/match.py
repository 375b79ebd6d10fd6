"""Stored programs that together match a view of the target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Expression
from esr.search.memory import Memory
from esr.search.recall.view import View, Written

__all__ = ["Match", "joined", "written"]


@dataclass(frozen=True)
class Match:
    """Programs whose patterns explain a target beside the basis of a view.

    Arguments:
        view: The view.
        places: Places of the programs in memory.
        product: Whether the product of the first two is one term.
        error: Sum of squared errors of the target, to first order.
        length: Estimated description length in nats.
    """

    view: View
    places: tuple[int, ...]
    product: bool
    error: float
    length: float


def written(match: Match, memory: Memory) -> Written | None:
    """The equation of a match and its error; None if there is none."""
    terms: list[Expression] = [memory.expression(place) for place in match.places]
    values = memory.values[list(match.places)]
    if match.product:
        first = terms[0] ** 2 if match.places[0] == match.places[1] else terms[0] * terms[1]
        terms[:2] = [first]
        values = joined(values, product=True)
    return match.view.write(terms, values)


def joined(values: Tensor, *, product: bool) -> Tensor:
    """Terms `(P', N)` from programs `(P, N)`, the first two multiplied for a product."""
    if not product:
        return values
    return torch.cat([values[:1] * values[1:2], values[2:]])
