"""Forward selection: sums built up of the blocks of readings, where samples are few.

A reading with more constants than there are samples fits them exactly whichever of its terms is
taken away, so that taking away leads nowhere. What can be told from few samples is whether a sum
of one, two or three small parts is exact.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from torch import Tensor

from esr.equations import Expression
from esr.finishing.block_sums import Block, BlockSums
from esr.finishing.blocks import ONE, building_blocks
from esr.finishing.front import MACHINE_PRECISION

__all__ = ["are_undecided", "select_blocks"]

_SPARE = 2
"""Samples beyond the number of constants that make an exact fit no accident."""
_MOST_BLOCKS, _MOST_OF_PAIRS, _MOST_OF_PRODUCTS, _MOST_OF_TRIPLES = 64, 16, 8, 7
_STEPS, _POLISHING_STEPS = 40, 100
_PROMISING = 1e-6
"""Share of the mean square that may be left where a fit is worth more steps."""
_KEPT = 2
"""How many of each kind of sum are told if none is exact."""


def are_undecided(readings: Sequence[Expression], samples: int) -> bool:
    """Whether each reading has so many constants that it fits the samples whatever they are."""
    return all(len(reading.constants) > samples - _SPARE for reading in readings)


def select_blocks(
    readings: Sequence[Expression],
    inputs: Mapping[str, Tensor],
    target: Tensor,
    *,
    seconds: float = math.inf,
) -> list[Expression]:
    """Sums of the building blocks of readings that fit, with few enough constants to tell.

    First each block with a factor; then products of two, and sums of two; then sums of three,
    one of which may be a constant. All of a kind are fitted at once, from the constants that
    they have in the readings. The first kind that has an exact sum ends the search.

    Arguments:
        readings: Equations, best first; their blocks are pooled.
        inputs: Value of each variable, shape `(N,)`, float64.
        target: y, shape `(N,)`, float64.
        seconds: No further kind is begun once they are over.
    Returns:
        The exact sum alone, if there is one; else the best of each kind. Constants are fitted,
        and at most N - 2 in number. None if there is no block as small as that.
    """
    size, began = float(target.square().mean()), time.monotonic()
    found: list[tuple[float, Expression]] = []
    for sums in _kinds(readings, inputs, target):
        ranking = sums.ranking()
        tried = [row for row in ranking if sums.errors[row] <= _PROMISING * size]
        if tried:
            polished = BlockSums(
                [sums.blocks(row) for row in tried], inputs, target, _POLISHING_STEPS
            )
            best = polished.ranking()[0]
            if polished.errors[best] <= MACHINE_PRECISION * size:
                return [polished.expression(best)]
        kept = [row for row in ranking[:_KEPT] if math.isfinite(sums.errors[row])]
        found += [(sums.errors[row], sums.expression(row)) for row in kept]
        if time.monotonic() - began > seconds:
            break
    return [expression for _, expression in sorted(found, key=lambda pair: pair[0])]


def _kinds(
    readings: Sequence[Expression], inputs: Mapping[str, Tensor], target: Tensor
) -> Iterator[BlockSums]:
    """Fits of single blocks, products, pairs and triples."""
    allowed = len(target) - _SPARE
    parts = building_blocks(readings, _MOST_BLOCKS)
    singles = [block for block in map(Block, (*parts, ONE)) if block.constants <= allowed]
    if not singles:
        return
    fits = BlockSums([[block] for block in singles], inputs, target, _STEPS)
    yield fits
    ranked = [singles[row] for row in fits.ranking()]
    always = [block for block in ranked if not block.values]  # they need no good start

    def best(most: int) -> list[Block]:
        return list(dict.fromkeys([*ranked[:most], *always]))

    products = [
        Block(first.expression * second.expression)
        for first, second in combinations(best(_MOST_OF_PRODUCTS), 2)
        if ONE not in (first.expression, second.expression)
    ]
    for sums in (
        [[product] for product in products],
        combinations(best(_MOST_OF_PAIRS), 2),
        combinations(best(_MOST_OF_TRIPLES), 3),
    ):
        few = [s for s in sums if sum(block.constants for block in s) <= allowed]
        if few:
            yield BlockSums(few, inputs, target, _STEPS)
