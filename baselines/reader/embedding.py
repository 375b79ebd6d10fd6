"""Learned vectors for tokens, for R replicas at once."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from baselines.reader.drawn import Drawn

__all__ = ["ReplicaEmbedding"]


class ReplicaEmbedding(Drawn):
    """`torch.nn.Embedding` with a leading replica dimension, normally distributed at first.

    Arguments:
        count: Number of tokens V.
        width: Features d of a token.
        replicas: Number of parallel copies R.
        deviation: Standard deviation of the initial values.
        generator: Feeds the initial draw; its device is where the vectors are made.
    """

    def __init__(
        self,
        count: int,
        width: int,
        replicas: int,
        deviation: float = 1.0,
        *,
        generator: Generator | None = None,
    ) -> None:
        def draw(replicas: int, generator: Generator | None) -> Tensor:
            device = generator.device if generator is not None else None
            shape = (replicas, count, width)
            return torch.randn(shape, generator=generator, device=device) * deviation

        super().__init__(draw, replicas, generator=generator)

    def forward(self, tokens: Tensor) -> Tensor:
        """Vectors `(R, N, d)` of tokens `(N,)` or `(R, N)`, int64."""
        replicas, count, _ = self.value.shape
        if replicas == 1:
            return functional.embedding(tokens.view(1, -1), self.value[0])
        first = torch.arange(replicas, device=tokens.device)[:, None] * count
        return functional.embedding(tokens + first, self.value.flatten(0, 1))
