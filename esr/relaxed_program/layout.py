"""What a program is made of, and where its choices lie in one state vector."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import STANDARD, Interval, Primitive
from esr.errors import ConfigurationError, suggestion

__all__ = ["OPERANDS", "Layout", "Slots", "unlimited"]

OPERANDS = 2
"""Pointers of a slot; an operator of one operand ignores the second."""

_LARGEST_EXPONENT = 5.0  # as in the paper units of the equation learner


@dataclass(frozen=True)
class Slots:
    """The slots of a program and what may stand in them.

    Arguments:
        count: Number of slots M, at least 1; each may point at those before it.
        primitives: The operators: names of standard primitives, or primitives, S in all. Each
            must be defined for all real operands. `exp`, by name, has its argument limited to 5
            in training.
        repertoires: Names of the primitives that the slots of a replica may choose among; the
            replicas take them in turn, and an empty one allows all. A replica with few finds
            laws made of them more often than one that has all.
        wiring: Share of the sources within a pointer's reach that are offered to it, drawn at
            random for each, in (0, 1]; at least one is. Where everything is offered, replicas
            end in the same mixtures; sparse wiring makes them differ.
    Raises:
        ConfigurationError: If a number is out of range, or a primitive is not defined everywhere
            or named twice.
        UnknownPrimitiveError: If a primitive's name is unknown.
    """

    count: int = 6
    primitives: Sequence[str | Primitive] = ("mul", "square", "sin", "exp")
    repertoires: Sequence[Sequence[str]] = ()
    wiring: float = 1.0

    def __post_init__(self) -> None:
        chosen = self.operators
        if self.count < 1 or not chosen:
            raise ConfigurationError(
                "a program needs at least one slot and one primitive, but got "
                f"count={self.count} and {len(chosen)} primitives"
            )
        if not 0 < self.wiring <= 1:
            raise ConfigurationError(f"wiring must be in (0, 1], but is {self.wiring}")
        names = [primitive.name for primitive in chosen]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"primitives names one of them twice: {names}")
        for name in (name for repertoire in self.repertoires for name in repertoire):
            if name not in names:
                raise ConfigurationError(
                    f"a repertoire names '{name}', which is none of the primitives; "
                    f"{suggestion(name, names)}"
                )
        for primitive in chosen:
            if any(interval != Interval() for interval in primitive.domain):
                raise ConfigurationError(
                    f"primitive '{primitive.name}' is not defined for every operand, which a "
                    "relaxed program gives it; leave it out"
                )

    @property
    def operators(self) -> tuple[Primitive, ...]:
        """The primitives as they act in training."""
        return tuple(
            _as_operator(entry) if isinstance(entry, str) else entry for entry in self.primitives
        )

    def allowed(self, replicas: int) -> Tensor:
        """Which operators each replica may use, bool `(R, S)`."""
        names = [operator.name for operator in self.operators]
        turns = [set(repertoire) or set(names) for repertoire in self.repertoires or [()]]
        return torch.tensor(
            [[name in turns[r % len(turns)] for name in names] for r in range(replicas)]
        )


def _as_operator(name: str) -> Primitive:
    primitive = STANDARD[name]
    return primitive.scaled(input_limit=_LARGEST_EXPONENT) if name == "exp" else primitive


def unlimited(operator: Primitive) -> Primitive:
    """The operator without its input limit, as expressions have it."""
    scale = operator.scale
    return operator.base.scaled(
        input_scale=scale.input_scale,
        output_scale=scale.output_scale,
        output_shift=scale.output_shift,
    )


@dataclass(frozen=True)
class Layout:
    """Where each choice lies in the state vector: all operators first, then all pointers.

    Slot j chooses one of S operators, and for each operand one of F = D + 1 + M sources: the
    inputs, the constant 1, the slots. It can reach the first D + 1 + j of them.

    Arguments:
        inputs: Number of inputs D.
        slots: Number of slots M.
        primitives: Number of operators S.
    """

    inputs: int
    slots: int
    primitives: int

    @property
    def constant(self) -> int:
        """The source that is the constant 1."""
        return self.inputs

    @property
    def sources(self) -> int:
        """Number of sources F of a pointer, those out of its reach included."""
        return self.inputs + 1 + self.slots

    @property
    def size(self) -> int:
        """Length n of the state vector."""
        return self.slots * (self.primitives + OPERANDS * self.sources)

    @property
    def groups(self) -> int:
        """Number of choices, of each of which the activations sum to one."""
        return self.slots * (1 + OPERANDS)

    def reach(self, slot: int) -> int:
        """Number of sources that a slot's pointers can choose among."""
        return self.inputs + 1 + slot

    def operator(self, slot: int, primitive: int) -> int:
        """Place of "this slot has this operator"."""
        return slot * self.primitives + primitive

    def pointer(self, slot: int, operand: int, source: int) -> int:
        """Place of "this operand of this slot is this source"."""
        first = self.slots * self.primitives
        return first + (slot * OPERANDS + operand) * self.sources + source
