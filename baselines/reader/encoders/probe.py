"""An encoder that evaluates networks at fixed points."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from baselines.linear import ReplicaLinear
from baselines.population import Architecture
from baselines.reader.encoders.encoder import Encoder, memory_tokens
from baselines.reader.encoders.standard import Standard

__all__ = ["ProbeEncoder"]


class ProbeEncoder(Encoder):
    r"""Outputs at Chebyshev nodes :math:`\cos(\pi (k + 1/2) / K)` through two dense layers.

    With D inputs the points are a grid of K nodes in each. It reads what a network computes and
    never its weights: what a reader of weights is to be compared with.

    Arguments:
        architecture: Of the networks.
        width: Features d of a token.
        replicas: Number of parallel copies R.
        nodes: Nodes K in each input, at least 1.
        expanded: Width of the second dense layer, a multiple m of d; the first has half of it.
        generator: Feeds the initial draw.
    """

    points: Tensor

    def __init__(
        self,
        architecture: Architecture,
        width: int,
        replicas: int,
        nodes: int = 9,
        expanded: int = 512,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(memory_tokens(expanded, width))
        self.architecture, self.nodes = architecture, nodes
        line = torch.cos(math.pi * (torch.arange(nodes) + 0.5) / nodes)
        grid = torch.meshgrid([line] * architecture.inputs, indexing="ij")
        self.register_buffer("points", torch.stack(grid, -1).flatten(0, -2))
        self.standard = Standard(len(self.points))
        self.first = ReplicaLinear(len(self.points), expanded // 2, replicas, generator=generator)
        self.second = ReplicaLinear(expanded // 2, expanded, replicas, generator=generator)

    def forward(self, weights: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Memory `(R, B, m, d)` of weights `(B, P)`."""
        hidden = functional.gelu(self.first(self.standard(self._outputs(weights))))
        features: Tensor = self.second(hidden)
        return features.view(*features.shape[:2], self.tokens, -1)

    def adapt(self, weights: Tensor) -> None:
        """Take means and deviations of the outputs from networks `(M, P)`."""
        self.standard.adapt(self._outputs(weights))

    @torch.no_grad()
    def _outputs(self, weights: Tensor) -> Tensor:
        """Outputs `(B, N)`, computed in the type of the weights."""
        return self.architecture.outputs(weights, self.points.to(weights))
