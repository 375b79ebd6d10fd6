"""Forward selection: sums built up of the blocks of readings, where samples are few.

A reading with more constants than there are samples fits them exactly whichever of its terms is
taken away, so that taking away leads nowhere. What few samples can tell is whether a sum of one,
two or three small parts is exact.
"""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from torch import Tensor

from esr.equations import STANDARD, Call, Expression, fit_constants, simplify
from esr.finishing.block_sums import Block, BlockSums
from esr.finishing.blocks import ONE, building_blocks
from esr.finishing.front import MACHINE_PRECISION

__all__ = ["are_undecided", "select_blocks"]

_SPARE = 2
"""Samples beyond the number of constants that make an exact fit no accident."""
_MOST_BLOCKS, _MOST_OF_PAIRS, _MOST_OF_PRODUCTS, _MOST_OF_TRIPLES = 64, 16, 8, 7
_STEPS, _POLISHING_STEPS = 40, 100
_PROMISING, _MOST_POLISHED = 1e-8, 8
"""Share of the mean square that may be left where a fit is worth more steps; and how many are."""
_ZERO = 1e-9
"""Constants of an exact fit below it are rounding."""
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

    First each block with a factor; then sums of two, one of which may be a constant; then
    products of two, and sums of three. All of a kind are fitted at once, from the constants that
    they have in the readings. The first kind that has an exact sum ends the search; of that sum
    goes what can go without making it inexact: blocks, constants, and blocks for ones with fewer
    constants.

    Arguments:
        readings: Equations, best first; their blocks are pooled.
        inputs: Value of each variable, shape `(N,)`, float64.
        target: y, shape `(N,)`, float64.
        seconds: No further kind is begun once they are over.
    Returns:
        The exact sum alone, if there is one; else the best of each kind, best first. Constants
        are fitted, and at most N - 2 in number. Nothing if no block has as
        few.
    """
    search, began = _Search(readings, inputs, target), time.monotonic()
    found: list[tuple[float, Expression]] = []
    for sums in search.kinds():
        exact = search.exact_one(sums)
        if exact is not None:
            return [search.shortest(exact)]
        kept = [row for row in sums.ranking()[:_KEPT] if math.isfinite(sums.errors[row])]
        found += [(sums.errors[row], sums.expression(row)) for row in kept]
        if time.monotonic() - began > seconds:
            break
    return [expression for _, expression in sorted(found, key=lambda pair: pair[0])]


class _Search:
    """The blocks to build with, and the data to build for.

    Arguments:
        readings: Equations, best first.
        inputs: Value of each variable, `(N,)`.
        target: y, `(N,)`.
    """

    def __init__(
        self, readings: Sequence[Expression], inputs: Mapping[str, Tensor], target: Tensor
    ) -> None:
        self._inputs, self._target = inputs, target
        self._exact = MACHINE_PRECISION * float(target.square().mean())
        parts = [*building_blocks(readings, _MOST_BLOCKS), ONE]
        self._blocks = self._allowed([block] for block in map(Block, parts))

    def kinds(self) -> Iterator[BlockSums]:
        """Fits of single blocks, pairs, products and triples."""
        if len(self._blocks) < 2:  # a constant alone is no finding
            return
        fits = self._fitted(self._blocks, _STEPS)
        yield fits
        ranked = [self._blocks[row][0] for row in fits.ranking()]
        always = [block for block in ranked if not block.values]  # they need no good start

        def best(most: int) -> list[Block]:
            return list(dict.fromkeys([*ranked[:most], *always]))

        products = (
            [Block(first.expression * second.expression)]
            for first, second in combinations(best(_MOST_OF_PRODUCTS), 2)
            if ONE not in (first.expression, second.expression)
        )
        for sums in (
            combinations(best(_MOST_OF_PAIRS), 2),
            products,
            combinations(best(_MOST_OF_TRIPLES), 3),
        ):
            allowed = self._allowed(sums)
            if allowed:
                yield self._fitted(allowed, _STEPS)

    def exact_one(self, sums: BlockSums) -> list[Block] | None:
        """The exact sum with the fewest constants, or None; what is nearly exact is fitted on."""
        ranking = sums.ranking()
        if sums.errors[ranking[0]] > self._exact:
            nearly = self._exact / MACHINE_PRECISION * _PROMISING
            worth = [row for row in ranking[:_MOST_POLISHED] if sums.errors[row] <= nearly]
            if not worth:
                return None
            sums = self._fitted([sums.blocks(row) for row in worth], _POLISHING_STEPS)
        exact = [sums.blocks(row) for row in sums.ranking() if sums.errors[row] <= self._exact]
        return min(exact, key=_constants, default=None)

    def shortest(self, blocks: Sequence[Block]) -> Expression:
        """An exact sum without what it does not need."""
        while (shorter := self._shorter(blocks)) is not None:
            blocks = shorter
        expression = self._fitted([blocks], 1).expression(0)
        constants = [0.0 if abs(value) < _ZERO else value for value in expression.constants]
        if 0.0 in constants:
            cleared = simplify(expression.with_constants(constants))
            fit = fit_constants(cleared, self._inputs, self._target)
            if fit.mse <= self._exact:
                return fit.expression
        return expression

    def _shorter(self, blocks: Sequence[Block]) -> list[Block] | None:
        """An exact sum with fewer constants, that lacks a block or has another in its place."""
        without, other = [], []
        for place, block in enumerate(blocks):
            before, after = blocks[:place], blocks[place + 1 :]
            without.append([*before, *after])
            pool = [*_factors(block), *(single for (single,) in self._blocks)]
            fewer = [new for new in pool if new.constants < block.constants]
            other += [[*before, new, *after] for new in fewer]
        for sums in (without, other):
            if sums and sums[0]:
                exact = self.exact_one(self._fitted(sums, _STEPS))
                if exact is not None:
                    return exact
        return None

    def _allowed(self, sums: Iterable[Sequence[Block]]) -> list[Sequence[Block]]:
        return [blocks for blocks in sums if _constants(blocks) <= len(self._target) - _SPARE]

    def _fitted(self, sums: Sequence[Sequence[Block]], steps: int) -> BlockSums:
        return BlockSums(sums, self._inputs, self._target, steps)


def _constants(blocks: Sequence[Block]) -> int:
    return sum(block.constants for block in blocks)


def _factors(block: Block) -> list[Block]:
    """The two factors of a product as blocks."""
    expression = block.expression
    if isinstance(expression, Call) and expression.primitive == STANDARD["mul"]:
        return [Block(factor) for factor in expression.arguments]
    return []
