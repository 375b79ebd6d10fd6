"""Which part of every batch a process draws, where several train one model together."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from esr.errors import ConfigurationError

__all__ = ["Share", "Shareable"]


@dataclass(frozen=True)
class Share:
    """One of the equal parts into which every batch is divided.

    Arguments:
        rank: Which part, from 0 to `world - 1`.
        world: Number of parts, at least 1.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    rank: int
    world: int

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world:
            raise ConfigurationError(
                f"a share's rank must be from 0 to world - 1, but rank is {self.rank} and world "
                f"is {self.world}"
            )

    def rows(self, count: int) -> slice:
        """The rows of a batch of `count` samples that belong to this share.

        Raises:
            ConfigurationError: If the batch cannot be divided equally.
        """
        if count < 1 or count % self.world:
            raise ConfigurationError(
                f"a batch of {count} samples cannot be divided equally among {self.world} "
                f"processes; make it a multiple of {self.world}"
            )
        part = count // self.world
        return slice(self.rank * part, (self.rank + 1) * part)


@runtime_checkable
class Shareable(Protocol):
    """A source of batches that can give a part of each."""

    def share(self, share: Share) -> None:
        """From now on, give this part of every batch that would have been given alone.

        The parts are equally large. Where an energy is a mean over samples, the mean of the
        processes' energies is then that of the whole batch, and their number changes nothing.

        Raises:
            ConfigurationError: If the batches cannot be divided equally.
        """
        ...
