"""From the root down: the slopes of many programs' roots by the values of their slots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Primitive
from esr.equations.evaluation import partial_derivatives
from esr.equations.standard import POW
from esr.search.chains.tape import Tape, batches

__all__ = ["Descent", "Edges", "Level", "partial"]

_EXTREMES = "max", "min"
"""Functions that give one of their arguments."""


@dataclass(frozen=True)
class Edges:
    """Edges from one function on one side.

    Arguments:
        function: The function above.
        side: Which of its arguments is below, 0 or 1.
        span: Their places among those of the level.
    """

    function: Primitive
    side: int
    span: slice


@dataclass(frozen=True)
class Level:
    """The edges that lead down to one level.

    Arguments:
        edges: Their places among all.
        rows: The tape's row of the slot above each, `(k,)`.
        upward: The edge above each, `(k,)`.
        groups: Those of one function and side each.
    """

    edges: slice
    rows: Tensor
    upward: Tensor
    groups: tuple[Edges, ...]


class Descent:
    """Some slots of programs and those above them, those nearer the root first.

    Arguments:
        tape: Of the programs.
        wanted: Which slots, `(B, M)`; those above them come along.
    """

    def __init__(self, tape: Tape, wanted: Tensor) -> None:
        self.tape = tape
        size, slots = 2 * tape.alphabet.size, tape.heap.slots
        wanted = tape.heap.above(wanted) & (tape.symbols > 0)
        wanted[:, 0] = True
        places = wanted.reshape(-1).nonzero()[:, 0]
        slot = places % slots
        above = places - slot + (slot - 1).clamp(min=0).div(2, rounding_mode="floor")
        kinds = tape.symbols.reshape(-1)[above]
        keys = tape.heap.level[slot] * size + kinds * 2 + (slot + 1) % 2
        keys, order = keys.masked_fill(slot == 0, 0).sort(stable=True)
        self.places = places[order]
        """Program and slot of each edge, as `program * M + slot`, `(m,)`; the roots first."""
        self.edge = torch.zeros_like(tape.row)
        """The edge of each place, of any value if it is not wanted, `(B * M,)`."""
        self.edge[self.places] = torch.arange(len(order), device=places.device)
        self._parents, self._upward = tape.row[above[order]], self.edge[above[order]]
        self._batches = batches(keys, size)[1:]

    def levels(self) -> Iterator[Level]:
        """The levels below the roots, from the top down."""
        for batch in self._batches:
            groups, start = [], 0
            for kind, count in zip(batch.kinds, batch.counts, strict=True):
                function = self.tape.alphabet.function(kind // 2)
                groups.append(Edges(function, kind % 2, slice(start, start + count)))
                start += count
            span = slice(batch.start, batch.stop)
            yield Level(span, self._parents[span], self._upward[span], tuple(groups))

    def slopes(self, gains: Tensor, values: Tensor) -> Tensor:
        """The derivative of each root by the values of the slots.

        Arguments:
            gains: Shape `(B, M)`.
            values: What the tape gave for them, `(n, N)`.
        Returns:
            Shape `(m, N)`; NaN or infinite where it is.
        """
        factors = self.tape.factors(gains)
        slopes = values.new_empty(len(self.places), values.shape[1])
        slopes[: len(self.tape.roots)] = 1
        for level in self.levels():
            factor = factors[level.rows]
            value = values.index_select(0, level.rows).div_(factor)
            first = values.index_select(0, self.tape.first[level.rows])
            second = values.index_select(0, self.tape.second[level.rows])
            found = slopes[level.edges]
            torch.mul(slopes.index_select(0, level.upward), factor, out=found)
            for edges in level.groups:
                span, arity = edges.span, edges.function.arity
                slope = partial(
                    edges.function,
                    edges.side,
                    value[span],
                    (first[span], second[span])[:arity],
                )
                if not (isinstance(slope, float) and slope == 1):
                    found[span].mul_(slope)
        return slopes


def partial(
    function: Primitive, side: int, value: Tensor, arguments: Sequence[Tensor]
) -> Tensor | float:
    """The derivative of a function by one of its arguments.

    Arguments:
        function: Without scale.
        side: Which argument, 0 or 1.
        value: Its value, `(k, N)`.
        arguments: Where it was taken, each `(k, N)`.
    """
    if function == POW:  # one side is much cheaper than both
        base, exponent = arguments
        return value * (exponent / base if side == 0 else base.log())
    if function.name in _EXTREMES and function.arity == 2:
        return (value == arguments[side]).to(value)
    return partial_derivatives(function, value, arguments)[side]
