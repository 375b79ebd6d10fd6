"""Draws from one generator, on the device of the rows."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

__all__ = ["Draws"]


class Draws:
    """Draws on a device, whatever the device of the generator.

    Arguments:
        generator: Where they come from.
        device: Where they are wanted.
    """

    def __init__(self, generator: Generator, device: torch.device | str) -> None:
        self._generator, self._device = generator, device

    def uniform(self, *shape: int) -> Tensor:
        """Numbers from 0 to 1, in double precision."""
        drawn = torch.rand(
            shape,
            generator=self._generator,
            device=self._generator.device,
            dtype=torch.float64,
        )
        return drawn.to(self._device)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, in double precision."""
        drawn = torch.randn(
            shape,
            generator=self._generator,
            device=self._generator.device,
            dtype=torch.float64,
        )
        return drawn.to(self._device)

    def integers(self, below: int, *shape: int) -> Tensor:
        """Whole numbers from 0, all alike."""
        drawn = torch.randint(
            below, shape, generator=self._generator, device=self._generator.device
        )
        return drawn.to(self._device)

    def order(self, count: int) -> Tensor:
        """The numbers below `count` in any order."""
        drawn = torch.randperm(count, generator=self._generator, device=self._generator.device)
        return drawn.to(self._device)

    def of_weights(self, weights: Tensor) -> Tensor:
        """One index for each row of weights `(B, S)`, at least 0: `(B,)`.

        An index of weight 0 is drawn only where all weights are.
        """
        cumulated = weights.double().cumsum(1)
        level = self.uniform(len(weights), 1) * cumulated[:, -1:]
        return (cumulated <= level).sum(1).clamp(max=weights.shape[1] - 1)

    def of_energies(self, energies: Tensor, temperatures: Tensor) -> Tensor:
        """One index for each row of energies `(B, S)` by Boltzmann's weights: `(B,)`.

        Arguments:
            energies: Infinite where an index cannot be drawn.
            temperatures: Above 0, `(B,)`.
        """
        noise = -(-self.uniform(*energies.shape).clamp(min=1e-300).log()).log()
        return (noise - energies / temperatures[:, None]).argmax(1)

    def marked(self, mask: Tensor) -> Tensor:
        """One of the marked places of each row of `(B, M)`, all alike: `(B,)`."""
        return (self.uniform(*mask.shape) * mask).argmax(1)

    def of_shares(self, shares: Sequence[float], count: int) -> Tensor:
        """`count` indices drawn by shares, which need not add up to 1."""
        weights = torch.tensor(shares, dtype=torch.float64, device=self._device)
        return self.of_weights(weights.expand(count, -1))
