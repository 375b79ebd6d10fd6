"""Hidden units of an equation learner: primitives of any arity, grouped so each runs once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import STANDARD, Primitive
from esr.errors import ConfigurationError, suggestion

__all__ = [
    "DEFAULT_UNITS",
    "PAPER_UNITS",
    "UnitGroup",
    "apply_units",
    "as_unit_groups",
    "paper_layers",
]


@dataclass(frozen=True)
class UnitGroup:
    """Several hidden units with the same primitive.

    Arguments:
        primitive: The activation, of any arity; its scale applies.
        count: Number of units, at least 1.
        reads_as: What stands in an equation for a primitive that differs from it outside its
            domain, to keep training finite; the primitive itself if None.
    Raises:
        ConfigurationError: If `count` is not a positive integer.
    """

    primitive: Primitive
    count: int
    reads_as: Primitive | None = None

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 1:
            raise ConfigurationError(
                f"the number of '{self.primitive.name}' units must be an integer of at least 1, "
                f"but is {self.count!r}"
            )

    @property
    def operands(self) -> int:
        """Number of pre-activations the group consumes."""
        return self.count * self.primitive.arity


UnitSpecification = Mapping[str, int] | Sequence[UnitGroup]

DEFAULT_UNITS: tuple[UnitGroup, ...] = (
    UnitGroup(STANDARD["identity"], 4),
    UnitGroup(STANDARD["square"], 2),
    UnitGroup(STANDARD["sin"], 2),
    UnitGroup(STANDARD["mul"], 2),
)

PAPER_UNITS: tuple[UnitGroup, ...] = (
    UnitGroup(STANDARD["identity"], 4),
    UnitGroup(STANDARD["square"], 4),
    UnitGroup(STANDARD["sin"].scaled(input_scale=4 * math.pi), 2),
    UnitGroup(
        STANDARD["exp"].scaled(output_scale=1 / math.e, output_shift=-1 / math.e, input_limit=5.0),
        2,
    ),
    UnitGroup(STANDARD["sigmoid"].scaled(input_scale=20), 2),
    UnitGroup(STANDARD["mul"].scaled(output_scale=10), 2),
)
"""The hidden layer of Kim et al. (2020), https://arxiv.org/abs/1912.04825, for L0.5.

Deviations: its two constant units are the bias that every layer here has; the argument of exp is
limited to 5 in training."""


def paper_layers(
    layers: int = 2, counts: Mapping[str, int] | None = None
) -> list[tuple[UnitGroup, ...]]:
    """Several hidden layers of `PAPER_UNITS`, for a configuration file.

    Arguments:
        layers: How many, at least 1.
        counts: Other numbers of units than the paper's, by the name of the primitive; a
            primitive with 0 units is left out.
    Raises:
        ConfigurationError: If `layers < 1`, or a name is none of the paper's units.
    """
    if layers < 1:
        raise ConfigurationError(f"layers must be at least 1, but is {layers}")
    wanted = {group.primitive.name: group.count for group in PAPER_UNITS}
    for name, count in (counts or {}).items():
        if name not in wanted:
            raise ConfigurationError(
                f"the paper has no '{name}' units; {suggestion(name, wanted)}"
            )
        wanted[name] = count
    units = [(group.primitive, wanted[group.primitive.name]) for group in PAPER_UNITS]
    return [tuple(UnitGroup(unit, count) for unit, count in units if count != 0)] * layers


def as_unit_groups(specification: UnitSpecification, place: str) -> tuple[UnitGroup, ...]:
    """Unit groups from a mapping of standard primitives' names to counts, or from groups.

    Arguments:
        specification: For instance `{"sin": 2, "mul": 2}`.
        place: What to call it in an error message.
    Raises:
        ConfigurationError: If it is empty; ValueError if a primitive's name is unknown.
    """
    if isinstance(specification, Mapping):
        groups = tuple(UnitGroup(STANDARD[name], n) for name, n in specification.items())
    else:
        groups = tuple(specification)
    if not groups:
        raise ConfigurationError(f"{place} has no units; name at least one, such as {{'mul': 2}}")
    return groups


def apply_units(groups: Sequence[UnitGroup], operands: Tensor) -> Tensor:
    """Activate one layer.

    Arguments:
        groups: The layer's unit groups, in order.
        operands: Pre-activations, `(R, G, N)` with G the sum of the groups' operands. A group
            of binary units takes all its left operands first, then all its right ones.
    Returns:
        Activations `(R, H, N)` with H the sum of the groups' counts.
    """
    activations, start = [], 0
    for group in groups:
        operand = operands[:, start : start + group.operands]
        activations.append(group.primitive(*torch.split(operand, group.count, dim=1)))
        start += group.operands
    return torch.cat(activations, dim=1)  # (R, H, N)
