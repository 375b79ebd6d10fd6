"""How the axes, places and symbols of a grid are written in rules."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

import torch

from esr.hopfield.grid import Axis, Grid

__all__ = ["Layout", "Offset"]

Offset = tuple[int | tuple[int, int], ...]
"""From one slot to another: along each axis a step, or both positions where values do not add."""


class Layout:
    """Writes the parts of rules about one grid, and counts the sets that they use.

    Arguments:
        grid: With one-of-many groups.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._slot_axes = [grid.axes.index(axis) for axis in grid.slot_axes]
        self._symbol_axes = [grid.axes.index(axis) for axis in grid.symbol_axes]
        self._taken = {axis.name for axis in grid.axes}
        free = [letter for letter in "pqrijkuvw" if letter not in self._taken]
        self._place_names = free[: len(self._slot_axes)]
        free = [letter for letter in "abcdefghlmno" if letter not in self._taken]
        self._symbol_names = free[: 2 * len(self._symbol_axes)]
        self._sets: Counter[str] = Counter()
        self._positions = torch.stack(grid.positions(torch.arange(grid.size)), 1)  # (n, axes)

    def declarations(self) -> list[str]:
        """Lines that declare the axes, the one-of-many groups and the sets with a name."""
        lines = []
        for axis in self.grid.axes:
            cyclic = " cyclic" if axis.cyclic else ""
            lines.append(f"axis {axis.name} = {_values(axis, range(len(axis)))}{cyclic}")
        entries = [
            "*" if at in self._symbol_axes else axis.name for at, axis in enumerate(self.grid.axes)
        ]
        lines.append(f"one V[{', '.join(entries)}]")
        return [*lines, *(f"set {name} = {text}" for text, name in self._named_sets().items())]

    def place(self, slot: int) -> tuple[int, ...]:
        """Where a slot is along each of its axes."""
        row = self._positions[slot * self.grid.symbols].tolist()
        return tuple(row[axis] for axis in self._slot_axes)

    def symbol(self, symbol: int) -> tuple[int, ...]:
        """Where a symbol is along each of its axes."""
        row = self._positions[symbol].tolist()
        return tuple(row[axis] for axis in self._symbol_axes)

    def offset(self, first: int, second: int) -> tuple[Offset, tuple[int, ...], bool]:
        """The offset between two slots, the place it starts from, and whether at the second."""
        one, other = self.place(first), self.place(second)
        forward, backward = self._steps(one, other), self._steps(other, one)
        steps = [step for step in forward if isinstance(step, int) and step != 0]
        swapped = bool(steps) and steps[0] < 0
        return (backward, other, True) if swapped else (forward, one, False)

    def rules(
        self,
        offset: Offset | None,
        places: Sequence[tuple[tuple[int, ...], ...]],
        symbols: Sequence[tuple[tuple[int, ...], ...]],
    ) -> Iterator[tuple[str, str]]:
        """The header and the conjunction of a rule for each product of sets of both kinds.

        Arguments:
            offset: From the first neuron's slot to the second's; None for one neuron.
            places: Products of positions of the first slot, a set for each axis of slots.
            symbols: Products of symbols, a set for each axis of symbols of each neuron.
        """
        neurons, inner = 1 if offset is None else 2, len(self._symbol_axes)
        for where, which in product(places, symbols):
            binders: list[str] = []
            steps = offset or (0,) * len(where)
            slots = [
                self._at(axis, where[axis], steps[axis], binders) for axis in range(len(where))
            ]
            signs = [self._sign(at, chosen, binders) for at, chosen in enumerate(which)]
            cells = []
            for neuron in range(neurons):
                words = {axis: slots[at][neuron] for at, axis in enumerate(self._slot_axes)}
                for at, axis in enumerate(self._symbol_axes):
                    words[axis] = signs[neuron * inner + at]
                cells.append("V[" + ", ".join(words[axis] for axis in sorted(words)) + "]")
            yield f"for {', '.join(binders)} : " if binders else "", " & ".join(cells)

    def with_named_sets(self, header: str) -> str:
        """A header in which the sets with a name are written by it."""
        for text, name in self._named_sets().items():
            header = header.replace(f"in {text}", f"in {name}")
        return header

    def _named_sets(self) -> dict[str, str]:
        """Names of the sets of three symbols or more that occur twice or more."""
        often = [text for text, count in self._sets.items() if count > 1]
        names = (f"s{number}" for number in range(1, len(often) + len(self._taken) + 1))
        free = (name for name in names if name not in self._taken)
        return dict(zip(often, free, strict=False))

    def _steps(self, one: tuple[int, ...], other: tuple[int, ...]) -> Offset:
        """The offset from one place to another, the shorter way round along cyclic axes."""
        steps: list[int | tuple[int, int]] = []
        for axis, here, there in zip(self.grid.slot_axes, one, other, strict=True):
            size, step = len(axis), there - here
            if not _numbered(axis):
                steps.append((here, there))
            elif axis.cyclic:
                steps.append((step + (size - 1) // 2) % size - (size - 1) // 2)
            else:
                steps.append(step)
        return tuple(steps)

    def _at(
        self, at: int, positions: tuple[int, ...], step: int | tuple[int, int], binders: list[str]
    ) -> tuple[str, str]:
        """Both neurons' places along an axis of slots; binds a variable if there are several."""
        axis = self.grid.slot_axes[at]
        size = len(axis)
        if isinstance(step, tuple):
            return _value(axis, step[0]), _value(axis, step[1])
        if len(positions) == 1:
            place = positions[0]
            return _value(axis, place), _value(axis, (place + step) % size)
        variable = self._place_names[at]
        inside = [p for p in range(size) if axis.cyclic or 0 <= p + step < size]
        whole = list(positions) == inside  # what would leave the grid makes no instance
        binders.append(f"{variable} in {axis.name if whole else _values(axis, positions)}")
        return variable, variable + (f"{step:+d}" if step else "")

    def _sign(self, at: int, chosen: tuple[int, ...], binders: list[str]) -> str:
        """A symbol along one of its axes; binds a variable if there are several."""
        axis = self.grid.symbol_axes[at % len(self._symbol_axes)]
        if len(chosen) == 1:
            return _value(axis, chosen[0])
        text = axis.name if len(chosen) == len(axis) else _values(axis, chosen)
        if text.startswith("{") and len(chosen) > 2:
            self._sets[text] += 1
        binders.append(f"{self._symbol_names[at]} in {text}")
        return self._symbol_names[at]


def _numbered(axis: Axis) -> bool:
    """Whether an axis holds consecutive numbers, so that steps can be added to them."""
    first = axis.values[0]
    return isinstance(first, int) and axis.values == tuple(range(first, first + len(axis)))


def _value(axis: Axis, index: int) -> str:
    value = axis.values[index]
    if isinstance(value, int):
        return str(value)
    return f'"{value}"' if "'" in value else f"'{value}'"


def _values(axis: Axis, indices: Sequence[int]) -> str:
    """A set of values: a range of numbers, or in braces."""
    words = [_value(axis, index) for index in indices]
    if _numbered(axis) and len(words) > 2 and indices[-1] - indices[0] == len(words) - 1:
        return f"{words[0]}..{words[-1]}"
    return "{" + ", ".join(words) + "}"
