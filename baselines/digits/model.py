"""Encoder and adder: each image gives a latent number, pairs of latents give sums."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from baselines.digits.encoder import DigitEncoder
from esr.models import Energy, EnergyModel, FunctionModel

__all__ = ["DigitBatch", "DigitSumModel"]

_IMAGES_AT_A_TIME = 1000


class DigitBatch(NamedTuple):
    """Pairs among a few images, and the sum of each pair's digits.

    An image is encoded once, however many pairs it is in.

    Arguments:
        images: `(M, H, W)`, brightness from 0 to 1.
        pairs: Which two images make a pair, integers `(N, 2)`.
        sums: `(N, 1)`.
    """

    images: Tensor
    pairs: Tensor
    sums: Tensor


class DigitSumModel(EnergyModel[DigitBatch]):
    r"""The sum of two digits from their images: :math:`s = m + u\, f(z_1, z_2)`, z = encoder.

    Arguments:
        encoder: Maps images to one latent each.
        adder: Maps two latents `(R, N, 2)` to the standardised sum `(R, N, 1)`.
        mean: m, the mean of the sums trained on.
        unit: u, their standard deviation, positive; energies are in units of its square.
    """

    def __init__(
        self, encoder: DigitEncoder, adder: FunctionModel, mean: float, unit: float
    ) -> None:
        super().__init__(adder.replicas)
        self.encoder, self.adder, self.mean, self.unit = encoder, adder, mean, unit

    def encode(self, images: Tensor) -> Tensor:
        """Latents `(R, M, 1)` of images `(M, H, W)`."""
        parts = [self.encoder(part) for part in torch.split(images, _IMAGES_AT_A_TIME)]
        return torch.cat(parts, dim=1)

    def add(self, latents: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Sums `(R, N, 1)` of latents `(N, 2)` or `(R, N, 2)`."""
        return self.mean + self.unit * self.adder.draw(generator=generator)(latents)

    def energy(self, batch: DigitBatch, *, generator: Generator | None = None) -> Energy:
        """Mean squared error over pairs, in units of the squared unit, plus the adder's price."""
        latents = self.encode(batch.images)[:, batch.pairs].flatten(2)  # (R, N, 2)
        residuals = (self.add(latents, generator=generator) - batch.sums) / self.unit
        return Energy(residuals.square().mean((1, 2)), self.adder.structure())

    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        """Prune the adder; the encoder stays dense."""
        self.adder.prune(threshold, which)
