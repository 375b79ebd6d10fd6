"""An encoder that reads one latent number from an image."""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from baselines.digits.convolution import ReplicaConvolution
from baselines.linear import ReplicaLinear
from esr.errors import ConfigurationError
from esr.models import ReplicaModule

__all__ = ["DigitEncoder", "LatentLevels"]


class LatentLevels(ReplicaModule):
    r"""A latent that is a weighted mean of a few learned levels, with replicas.

    .. math:: z = \sum_k \mathrm{softmax}(l)_k\, \frac{v_k - \bar v}{\mathrm{sd}(v)}

    The data fix neither the origin nor the scale of a latent; here the levels' mean is zero and
    their standard deviation one, so no batch statistics are needed.

    Arguments:
        levels: Number K of levels, at least 2.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw of the levels, which is normal.
    """

    def __init__(self, levels: int, replicas: int, *, generator: Generator | None = None) -> None:
        super().__init__()
        self._shape = (replicas, 1, levels)
        self.values = nn.Parameter(self._fresh(generator))

    def forward(self, logits: Tensor) -> Tensor:
        """Latents `(R, N, 1)` from logits `(R, N, K)`."""
        centred = self.values - self.values.mean(2, keepdim=True)
        scale = centred.square().mean(2, keepdim=True).sqrt()
        return (logits.softmax(2) * (centred / scale)).sum(2, keepdim=True)

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Draw all replicas anew and keep those asked for."""
        fresh = self._fresh(generator).to(self.values)
        with torch.no_grad():
            self.values.copy_(torch.where(which.view(-1, 1, 1), fresh, self.values))

    def repeat_replicas_(self, copies: int) -> None:
        """Have each replica stand `copies` times, side by side."""
        super().repeat_replicas_(copies)
        self._shape = (self._shape[0] * copies, *self._shape[1:])

    def _fresh(self, generator: Generator | None) -> Tensor:
        device = generator.device if generator is not None else None
        return torch.randn(self._shape, generator=generator, device=device)


class DigitEncoder(nn.Module):
    """Two convolutions of stride 2, a dense layer, and a latent of a few levels, with replicas.

    Activations are rectified and then normalised for each image, as is the image itself.

    Arguments:
        height: Height of an image, in pixels.
        width: Width of an image, in pixels.
        replicas: Number of parallel copies R.
        filters: Number of filters of the first convolution; the second has twice as many.
        features: Number of units of the dense layer.
        levels: Number of latent levels, at least 2.
        generator: Feeds the initial draw.
    Raises:
        ConfigurationError: If a size is too small.
    Source: Kim et al. (2020), https://arxiv.org/abs/1912.04825, section on MNIST arithmetic, two
        convolutions and dense layers to one number. The sizes, strides in place of pooling, the
        normalisation and the levels are ours; levels let few images make sharp latents.
    """

    def __init__(
        self,
        height: int,
        width: int,
        replicas: int,
        filters: int = 32,
        features: int = 64,
        levels: int = 16,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = {"height": height, "width": width, "replicas": replicas, "filters": filters}
        for name, size in (sizes | {"features": features}).items():
            if size < 1:
                raise ConfigurationError(f"encoder {name} must be at least 1, but is {size}")
        if levels < 2:
            raise ConfigurationError(f"encoder levels must be at least 2, but is {levels}")
        places = -(-height // 4) * -(-width // 4)
        self.first = ReplicaConvolution(1, filters, replicas, stride=2, generator=generator)
        self.second = ReplicaConvolution(
            filters, 2 * filters, replicas, stride=2, generator=generator
        )
        self.dense = ReplicaLinear(2 * filters * places, features, replicas, generator=generator)
        self.head = ReplicaLinear(features, levels, replicas, generator=generator)
        self.levels = LatentLevels(levels, replicas, generator=generator)

    def forward(self, images: Tensor) -> Tensor:
        """Latents `(R, N, 1)` of images `(N, H, W)`."""
        pixels = functional.layer_norm(images, images.shape[1:])[:, None]  # (N, 1, H, W)
        places = _activated(self.first(pixels), 3)  # (R, N, filters, H', W')
        features = _activated(self.second(places).flatten(2), 1)
        latents: Tensor = self.levels(self.head(_activated(self.dense(features), 1)))
        return latents


def _activated(features: Tensor, dimensions: int) -> Tensor:
    """Rectified, and normalised over the last dimensions."""
    rectified = torch.relu(features)
    return functional.layer_norm(rectified, rectified.shape[-dimensions:])
