"""The slots of a writable memory: what a layer holds, and which slot is written next."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from esr.associative.heads import check_sizes
from esr.errors import ConfigurationError

__all__ = ["LeastUsed", "Oldest", "Replacement", "Slots"]


class Replacement(ABC):
    """Contract of a rule that says which pattern gives way to a new one; stateless.

    `written` holds, for each slot, the number of the write that filled it, `(M,)`; `usage`, how
    much it has been used, `(M,)`.
    """

    @abstractmethod
    def order(self, written: Tensor, usage: Tensor) -> Tensor:
        """Slots, the first to give way first, integers `(M,)`."""

    def after_reading(self, usage: Tensor, share: Tensor) -> Tensor:
        """Usage after a reading in which each slot had this share of the weight, `(M,)`."""
        return usage

    def after_writing(self, usage: Tensor, slots: Tensor) -> Tensor:
        """Usage after a write to these slots, `(M,)`."""
        return usage


@dataclass(frozen=True)
class Oldest(Replacement):
    """The pattern written longest ago gives way."""

    def order(self, written: Tensor, usage: Tensor) -> Tensor:
        """By the write that filled them."""
        return written.argsort(stable=True)


@dataclass(frozen=True)
class LeastUsed(Replacement):
    r"""The pattern used least gives way; of those, the oldest.

    .. math:: u \leftarrow \gamma u + s \text{ at a reading}, \quad
              u \leftarrow \gamma u,\ u_{slots} = 1 \text{ at a write}

    where s is each slot's share of the association weight, summing to one over the slots. So a
    write counts as much as a whole reading, and a new pattern has time to prove itself.

    Arguments:
        decay: :math:`\gamma`, what is left of the usage after each call, in (0, 1].
    Raises:
        ConfigurationError: If `decay` is out of range.
    Source: Santoro et al. (2016), section 3.2, https://arxiv.org/abs/1605.06065. Deviations: what
        is written goes to chosen slots wholly, not by a learnt gate.
    """

    decay: float = 0.99

    def __post_init__(self) -> None:
        if not 0 < self.decay <= 1:
            raise ConfigurationError(f"decay must be in (0, 1], but is {self.decay}")

    def order(self, written: Tensor, usage: Tensor) -> Tensor:
        """By usage, then by the write that filled them."""
        by_age = written.argsort(stable=True)
        return by_age[usage[by_age].argsort(stable=True)]

    def after_reading(self, usage: Tensor, share: Tensor) -> Tensor:
        """Decayed, plus the share."""
        return self.decay * usage + share.to(usage)

    def after_writing(self, usage: Tensor, slots: Tensor) -> Tensor:
        """Decayed; one in the slots written."""
        return (self.decay * usage).index_fill(0, slots, 1.0)


@dataclass(frozen=True)
class Slots:
    """What the memory of a `HopfieldLookup` is.

    Arguments:
        count: Number M of slots, at least 1.
        value_features: Number of features of a value stored beside each pattern; None stores
            none, and patterns are their own values.
        learnable: Whether patterns and values are parameters; they are buffers otherwise.
        empty: Whether no slot takes part before it is written; otherwise all are filled with
            normal draws of variance one.
        replacement: Which pattern gives way when no slot is empty.
    Raises:
        ConfigurationError: If a size is below 1.
    """

    count: int
    value_features: int | None = None
    learnable: bool = True
    empty: bool = False
    replacement: Replacement = field(default_factory=Oldest)

    def __post_init__(self) -> None:
        check_sizes(count=self.count, value_features=self.value_features)

    def to_write(self, count: int, occupied: Tensor, written: Tensor, usage: Tensor) -> Tensor:
        """The slots that so many new patterns go to, empty ones first, integers `(count,)`."""
        order = self.replacement.order(written, usage)
        filled = torch.argsort(occupied[order].to(torch.uint8), stable=True)
        return order[filled][:count]
