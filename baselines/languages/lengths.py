"""How often a language draws its skeletons: uniform lengths or the slides' skewed ones."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from esr.errors import ConfigurationError

__all__ = ["SkeletonShares", "SkewedLengths", "UniformLengths", "UniformSkeletons"]


class SkeletonShares(Protocol):
    """Says how often each skeleton is drawn."""

    def shares(self, lengths: Tensor) -> Tensor:
        """Probabilities of the skeletons, float64 `(K,)`.

        Arguments:
            lengths: Characters of each skeleton's equations, int64 `(K,)`.
        """
        ...


@dataclass(frozen=True)
class UniformLengths:
    """Each length is as likely as any other, and each skeleton among those of its length."""

    def shares(self, lengths: Tensor) -> Tensor:
        """Probabilities `(K,)`; `lengths` are int64 `(K,)`."""
        same = lengths[:, None] == lengths
        different = (same.long().argmax(1) == torch.arange(len(lengths))).sum()
        return 1 / (different * same.sum(1).double())


@dataclass(frozen=True)
class UniformSkeletons:
    """Each skeleton is as likely as any other."""

    def shares(self, lengths: Tensor) -> Tensor:
        """Probabilities `(K,)`; `lengths` are int64 `(K,)`."""
        return torch.full((len(lengths),), 1 / len(lengths), dtype=torch.float64)


@dataclass(frozen=True)
class SkewedLengths:
    """Most equations are of the greatest length, the others equally likely, as when coefficients
    are drawn at random and few happen to be zero.

    Arguments:
        longest: Share of the greatest length, above 0 and below 1.
    Raises:
        ConfigurationError: If the share is out of range.
    """

    longest: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.longest < 1:
            raise ConfigurationError(
                f"the share of the longest must be above 0 and below 1, but is {self.longest!r}"
            )

    def shares(self, lengths: Tensor) -> Tensor:
        """Probabilities `(K,)`; `lengths` are int64 `(K,)`."""
        longest = lengths == lengths.max()
        if longest.all():
            return UniformSkeletons().shares(lengths)
        long = self.longest * longest.double() / longest.sum()
        return long + (1 - self.longest) * (~longest).double() / (~longest).sum()
