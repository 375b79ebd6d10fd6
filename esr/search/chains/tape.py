"""Values of many programs at once: all calls of one function on a level together."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Primitive
from esr.search.chains.alphabet import Alphabet
from esr.search.chains.heap import Heap

__all__ = ["Batch", "Tape", "batches"]

_IN_PLACE = (
    *(torch.add, torch.sub, torch.mul, torch.div, torch.pow, torch.square, torch.reciprocal),
    *(torch.sqrt, torch.exp, torch.log, torch.sin, torch.cos, torch.tan, torch.asin, torch.acos),
    *(torch.atan, torch.sinh, torch.cosh, torch.tanh, torch.sigmoid, torch.abs),
    *(torch.maximum, torch.minimum),
)
"""Functions that can write their values where they are wanted."""


@dataclass(frozen=True)
class Batch:
    """Rows of one level, in groups of one kind each, one after another.

    Arguments:
        start: The first row.
        stop: The row after the last.
        kinds: What each group is of.
        counts: Rows of each group.
    """

    start: int
    stop: int
    kinds: tuple[int, ...]
    counts: list[int]


def batches(keys: Tensor, size: int) -> list[Batch]:
    """The levels of sorted keys `level * size + kind`, `(n,)`, and the kinds on each."""
    present, counts = torch.unique_consecutive(keys, return_counts=True)
    levels: dict[int, list[tuple[int, int]]] = {}
    for key, count in torch.stack([present, counts], 1).tolist():
        levels.setdefault(key // size, []).append((key % size, count))
    found, start = [], 0
    for groups in levels.values():
        kinds, numbers = zip(*groups, strict=True)
        stop = start + sum(numbers)
        found.append(Batch(start, stop, kinds, list(numbers)))
        start = stop
    return found


class Tape:
    """The order in which the slots of B programs are computed, leaves first.

    Slots that are not empty become rows, ordered by their height and function, so that
    arguments are collected once a level, and each function is called once a level, for all
    programs. A tape serves any gains.

    Arguments:
        alphabet: The symbols.
        heap: The slots.
        symbols: B valid trees, `(B, M)`.
    """

    def __init__(self, alphabet: Alphabet, heap: Heap, symbols: Tensor) -> None:
        self.alphabet, self.heap, self.symbols = alphabet, heap, symbols
        flat = symbols.reshape(-1)
        active = flat.nonzero()[:, 0]
        kinds = flat[active]
        reaches = heap.reaches(symbols).reshape(-1)[active]
        keys = torch.where(reaches == 1, 0, reaches * alphabet.size + kinds)
        keys, order = keys.sort(stable=True)
        self.places = active[order]
        """Program and slot of each row, as `program * M + slot`, `(n,)`."""
        self.row = torch.zeros_like(flat)
        """The row of each place, of any value if it is empty, `(B * M,)`."""
        self.row[self.places] = torch.arange(len(order), device=flat.device)
        programs, slots = self.places // heap.slots, self.places % heap.slots
        first = programs * heap.slots + 2 * slots + 1
        last = len(flat) - 1  # leaves have no slots below: what is read there is not used
        self.first = self.row[first.clamp(max=last)]
        """The row of each row's first argument, `(n,)`; of any value for a leaf."""
        self.second = self.row[(first + 1).clamp(max=last)]
        """The row of each row's second argument, `(n,)`; of any value if there is none."""
        self._leaves, *self._levels = batches(keys, alphabet.size)
        self._symbols = kinds[order[: self._leaves.stop]]
        self.roots = self.row[:: heap.slots]
        """The row of each program's root, `(B,)`."""

    def factors(self, gains: Tensor) -> Tensor:
        """The gain of each row, `(n, 1)`, from those of all slots, `(B, M)`."""
        return gains.reshape(-1)[self.places][:, None]

    def values(self, gains: Tensor, table: Tensor) -> Tensor:
        """The value of every row.

        Arguments:
            gains: Shape `(B, M)`.
            table: What leaves are worth, `(2 + D, N)`.
        Returns:
            Shape `(n, N)`; NaN or infinite where it is.
        """
        factors = self.factors(gains)
        values = table.new_empty(len(self.places), table.shape[1])
        leaves = self._leaves.stop
        torch.mul(table.index_select(0, self._symbols), factors[:leaves], out=values[:leaves])
        for level in self._levels:
            functions = [self.alphabet.function(kind) for kind in level.kinds]
            binary = [f.arity for f in functions].count(2)
            middle = level.start + sum(level.counts[:binary])
            firsts = values.index_select(0, self.first[level.start : level.stop])
            seconds = values.index_select(0, self.second[level.start : middle])
            found = values[level.start : level.stop]
            pieces = zip(
                functions,
                torch.split(found, level.counts),
                torch.split(firsts, level.counts),
                [
                    *torch.split(seconds, level.counts[:binary]),
                    *[None] * (len(functions) - binary),
                ],
                strict=True,
            )
            for function, out, first, second in pieces:
                _write(function, (first,) if second is None else (first, second), out)
            found.mul_(factors[level.start : level.stop])
        return values


def _write(function: Primitive, arguments: tuple[Tensor, ...], out: Tensor) -> None:
    """Put a function's values where they are wanted."""
    if function.torch_function in _IN_PLACE:
        function.torch_function(*arguments, out=out)
    else:
        out.copy_(function.torch_function(*arguments))
