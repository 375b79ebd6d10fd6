"""Hard heap trees: values of all slots, and slopes of the root by each of them."""

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from esr.equations import Primitive
from esr.equations.evaluation import partial_derivatives
from esr.spelling.vocabulary import Vocabulary

__all__ = [
    "candidate_values",
    "defined_value",
    "level_range",
    "read_slots",
    "slot_slopes",
    "slot_values",
]


def defined_value(primitive: Primitive, arguments: Sequence[Tensor]) -> Tensor:
    """A primitive's value; NaN unless it and all arguments are finite, so that nothing undefined
    can vanish, as it would in `pow(log(-1), 0)`.

    Arguments:
        primitive: Without scale.
        arguments: One tensor per argument, all of one shape `(*)`.
    Returns:
        Shape `(*)`.
    """
    value = primitive.torch_function(*arguments)
    finite = value.isfinite()
    for argument in arguments:
        finite = finite & argument.isfinite()
    return torch.where(finite, value, math.nan)


def level_range(level: int) -> tuple[int, int]:
    """The first slot of a level of the heap and the one after its last, from `(0, 1)`."""
    return 2**level - 1, 2 ** (level + 1) - 1


def read_slots(vocabulary: Vocabulary, symbols: Tensor) -> Tensor:
    """Which slots belong to the expression: the root, and each argument of what is read.

    Arguments:
        vocabulary: The symbols.
        symbols: Shape `(R, M)`.
    Returns:
        Boolean, shape `(R, M)`.
    """
    arities = vocabulary.arities(symbols.device)[symbols]
    read = torch.ones_like(symbols, dtype=torch.bool)
    for level in range(_depth(symbols) - 1):
        first, last = level_range(level)
        above, count = read[:, first:last], arities[:, first:last]
        below = torch.stack([above & (count >= 1), above & (count == 2)], 2)
        read[:, slice(*level_range(level + 1))] = below.flatten(1)
    return read


def slot_values(vocabulary: Vocabulary, symbols: Tensor, inputs: Tensor) -> Tensor:
    """The value of every slot, from the leaves up.

    Arguments:
        vocabulary: The symbols.
        symbols: Shape `(R, M)`.
        inputs: Shape `(N, D)`.
    Returns:
        Shape `(R, M, N)`. NaN for an empty slot, for a primitive that lacks an argument, and
        for a value that is infinite or undefined, so that none of them can vanish further up.
    """
    values = vocabulary.leaf_values(inputs)[symbols]
    for level in reversed(range(_depth(symbols) - 1)):
        for primitive, rows, places in _occurrences(vocabulary, symbols, level):
            arguments = _arguments(values, primitive, rows, places)
            values[rows, places] = defined_value(primitive, arguments)
    return values


def slot_slopes(vocabulary: Vocabulary, symbols: Tensor, values: Tensor) -> Tensor:
    """The derivative of the root's value by each slot's value, from the root down.

    Arguments:
        vocabulary: The symbols.
        symbols: Shape `(R, M)`.
        values: What `slot_values` gave, shape `(R, M, N)`.
    Returns:
        Shape `(R, M, N)`; 0 for slots that are not read, NaN or infinite where the derivative
        is.
    """
    slopes = torch.zeros_like(values)
    slopes[:, 0] = 1
    for level in range(_depth(symbols) - 1):
        for primitive, rows, places in _occurrences(vocabulary, symbols, level):
            arguments = _arguments(values, primitive, rows, places)
            partials = partial_derivatives(primitive, values[rows, places], arguments)
            above = slopes[rows, places]
            for side, partial in enumerate(partials, start=1):
                slopes[rows, 2 * places + side] = above * partial
    return torch.where(read_slots(vocabulary, symbols)[..., None], slopes, 0)


def candidate_values(primitive: Primitive, values: Tensor, rows: Tensor, slots: Tensor) -> Tensor:
    """What some slots would be worth if they held one primitive, its arguments as they are.

    Arguments:
        primitive: Without scale.
        values: What `slot_values` gave, shape `(R, M, N)`.
        rows: The replica of each slot in question, shape `(K,)`, long.
        slots: The slots, shape `(K,)`, long.
    Returns:
        Shape `(K, N)`; NaN where the primitive lacks an argument, as at the lowest slots.
    """
    inner = slots < values.shape[1] // 2
    found = values.new_full((len(slots), values.shape[2]), math.nan)
    arguments = _arguments(values, primitive, rows[inner], slots[inner])
    found[inner] = defined_value(primitive, arguments)
    return found


def _occurrences(
    vocabulary: Vocabulary, symbols: Tensor, level: int
) -> Iterator[tuple[Primitive, Tensor, Tensor]]:
    """Each primitive of one level with the replicas and slots that hold it."""
    first, last = level_range(level)
    held = symbols[:, first:last]
    for index, primitive in enumerate(vocabulary.primitives, vocabulary.first_primitive):
        rows, places = (held == index).nonzero(as_tuple=True)
        if len(rows):
            yield primitive, rows, places + first


def _arguments(values: Tensor, primitive: Primitive, rows: Tensor, places: Tensor) -> list[Tensor]:
    """Values of the slots below, each `(K, N)`."""
    return [values[rows, 2 * places + side] for side in range(1, primitive.arity + 1)]


def _depth(symbols: Tensor) -> int:
    """The number of levels of a heap."""
    return int(symbols.shape[1] + 1).bit_length() - 1
