"""The neurons of a network: a grid of named axes, free or one-of-many along some of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError, suggestion

__all__ = ["Axis", "Grid"]


@dataclass(frozen=True)
class Axis:
    """A named axis of neurons.

    Arguments:
        name: An identifier.
        values: What stands at each position: symbols, or the numbers 0, 1, 2, ...; distinct.
        cyclic: Whether the position after the last is the first.
    Raises:
        ConfigurationError: If there is no value, or one occurs twice.
    """

    name: str
    values: tuple[str | int, ...]
    cyclic: bool = False

    def __post_init__(self) -> None:
        if not self.values or len(set(self.values)) < len(self.values):
            raise ConfigurationError(
                f"axis {self.name} needs at least one value and no value twice, but has "
                f"{list(self.values)}"
            )

    def __len__(self) -> int:
        return len(self.values)


class Grid:
    """Neurons "this cell of the grid is chosen", one for each combination of axis positions.

    Neurons are held in slots: with one-of-many groups a slot is one group, of which exactly one
    neuron is on; S neurons in each of G slots. A state is `(R, G, S)`. The flat index of a neuron
    is `slot * S + symbol`; slots and symbols count the axes they are made of row by row.

    Arguments:
        axes: At least one; their order is that of `V[...]` in rules and of `on_axes`.
        one_of: Names of the axes along which exactly one neuron is on, for each combination of
            the other axes. Without any, all neurons are free; slots are then rows of the last
            axis, or single neurons where there is but one axis.
    Raises:
        ConfigurationError: If there is no axis, a name occurs twice, or `one_of` names none.
    """

    def __init__(self, axes: Sequence[Axis], one_of: Sequence[str] = ()) -> None:
        self.axes = tuple(axes)
        names = [axis.name for axis in self.axes]
        if not names or len(set(names)) < len(names):
            raise ConfigurationError(f"a grid needs distinct axes, at least one, but has {names}")
        for name in one_of:
            if name not in names:
                raise ConfigurationError(f"'{name}' is no axis; {suggestion(name, names)}")
        self.grouped = bool(one_of)
        if one_of:
            inner = [index for index, name in enumerate(names) if name in one_of]
        else:
            inner = [len(names) - 1] if len(names) > 1 else []
        self._outer = [index for index in range(len(names)) if index not in inner]
        self._inner = inner
        self.shape = tuple(len(axis) for axis in self.axes)
        self.slots = math.prod(self.shape[index] for index in self._outer)
        self.symbols = math.prod(self.shape[index] for index in self._inner)
        self.size = self.slots * self.symbols

    @property
    def slot_axes(self) -> tuple[Axis, ...]:
        """The axes that slots are counted along."""
        return tuple(self.axes[index] for index in self._outer)

    @property
    def symbol_axes(self) -> tuple[Axis, ...]:
        """The axes that the neurons of one slot are counted along."""
        return tuple(self.axes[index] for index in self._inner)

    def neurons(self, positions: Sequence[Tensor]) -> Tensor:
        """Flat indices of the neurons at positions along each axis, integers of one shape."""
        flat = torch.zeros_like(positions[0])
        for index in (*self._outer, *self._inner):
            flat = flat * self.shape[index] + positions[index]
        return flat

    def positions(self, neurons: Tensor) -> tuple[Tensor, ...]:
        """Positions along each axis of neurons given by flat index: the inverse of `neurons`."""
        found: dict[int, Tensor] = {}
        rest = neurons
        for index in reversed((*self._outer, *self._inner)):
            found[index] = rest % self.shape[index]
            rest = rest // self.shape[index]
        return tuple(found[index] for index in range(len(self.axes)))

    def neuron(self, *values: str | int) -> int:
        """Flat index of the neuron with these values, one for each axis.

        Raises:
            ConfigurationError: If their number is wrong, or an axis lacks a value.
        """
        if len(values) != len(self.axes):
            raise ConfigurationError(
                f"{len(self.axes)} values are needed, one for each of "
                f"{[axis.name for axis in self.axes]}, but got {list(values)}"
            )
        places = []
        for axis, value in zip(self.axes, values, strict=True):
            if value not in axis.values:
                raise ConfigurationError(
                    f"axis {axis.name} has no value {value!r}; "
                    f"{suggestion(str(value), [str(v) for v in axis.values])}"
                )
            places.append(torch.tensor(axis.values.index(value)))
        return int(self.neurons(places))

    def label(self, neuron: int) -> str:
        """A neuron as rules write it, such as `V[3, '+']`."""
        places = self.positions(torch.tensor(neuron))
        values = (axis.values[int(at)] for axis, at in zip(self.axes, places, strict=True))
        return "V[" + ", ".join(repr(value) for value in values) + "]"

    def on_axes(self, states: Tensor) -> Tensor:
        """States `(*, G, S)` with one dimension for each axis, in order: `(*, *shape)`."""
        leading = states.shape[:-2]
        order = (*self._outer, *self._inner)
        spread = states.reshape(*leading, *(self.shape[index] for index in order))
        back = [len(leading) + order.index(index) for index in range(len(order))]
        return spread.permute(*range(len(leading)), *back)

    def in_slots(self, spread: Tensor) -> Tensor:
        """The inverse of `on_axes`: states `(*, G, S)`."""
        leading = spread.shape[: spread.dim() - len(self.axes)]
        order = [len(leading) + index for index in (*self._outer, *self._inner)]
        packed = spread.permute(*range(len(leading)), *order)
        return packed.reshape(*leading, self.slots, self.symbols)

    def one_hot(self, symbols: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """States `(*, G, S)` in which each slot holds the symbol of `(*, G)`."""
        return torch.nn.functional.one_hot(symbols, self.symbols).to(dtype)

    def random_symbols(
        self,
        replicas: int,
        *,
        generator: Generator | None = None,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """A uniform draw of one symbol for each slot, `(R, G)`; of grids in groups."""
        where = generator.device if generator is not None else device
        return torch.randint(
            self.symbols, (replicas, self.slots), generator=generator, device=where
        )
