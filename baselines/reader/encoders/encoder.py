"""What every encoder does: from the weights of networks to a memory of m tokens."""

from abc import ABC, abstractmethod
from typing import Protocol

from torch import Generator, Tensor, nn

from baselines.population import Architecture

__all__ = ["Encoder", "EncoderFactory"]


class Encoder(nn.Module, ABC):
    """Reads the weights of networks.

    Arguments:
        tokens: Tokens m of the memory.
    """

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens

    @abstractmethod
    def forward(self, weights: Tensor, *, generator: Generator | None = None) -> Tensor:
        """A memory.

        Arguments:
            weights: Of B networks, `(B, P)`.
            generator: Feeds what an encoder draws while training; without one nothing is drawn.
        Returns:
            `(R, B, m, d)`.
        """

    def adapt(self, weights: Tensor) -> None:
        """Take scales from networks `(M, P)` of the training set; by default none."""


class EncoderFactory(Protocol):
    """Makes an encoder for networks of one architecture."""

    def __call__(
        self,
        architecture: Architecture,
        width: int,
        replicas: int,
        *,
        generator: Generator | None = None,
    ) -> Encoder:
        """An encoder into memories of `width` features d, for R replicas."""
        ...
