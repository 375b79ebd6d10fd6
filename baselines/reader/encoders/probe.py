"""An encoder that evaluates networks at fixed points."""

import math

import torch
from torch import Generator, Tensor

from baselines.population import Architecture
from baselines.reader.encoders.encoder import Encoder
from baselines.reader.encoders.expansion import Expansion
from baselines.reader.encoders.standard import Standard

__all__ = ["ProbeEncoder"]


class ProbeEncoder(Encoder):
    r"""Outputs at Chebyshev nodes :math:`\cos(\pi (k + 1/2) / K)` become the memory (`Expansion`).

    With D inputs the points are a grid of K nodes in each. It reads what a network computes and
    never its weights: what a reader of weights is to be compared with.

    Arguments:
        architecture: Of the networks.
        width: Features d of a token.
        replicas: Number of parallel copies R.
        nodes: Nodes K in each input, at least 1.
        expanded: Numbers m d of a memory.
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
        count = nodes**architecture.inputs
        readout = Expansion(count, expanded // 2, expanded, width, replicas, generator=generator)
        super().__init__(readout.tokens)
        self.architecture, self.nodes = architecture, nodes
        self.readout = readout
        line = torch.cos(math.pi * (torch.arange(nodes) + 0.5) / nodes)
        grid = torch.meshgrid([line] * architecture.inputs, indexing="ij")
        self.register_buffer("points", torch.stack(grid, -1).flatten(0, -2))
        self.standard = Standard(count)

    def forward(self, weights: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Memory `(R, B, m, d)` of weights `(B, P)`."""
        memory: Tensor = self.readout(self.standard(self._outputs(weights)))
        return memory

    def adapt(self, weights: Tensor) -> None:
        """Take means and deviations of the outputs from networks `(M, P)`."""
        self.standard.adapt(self._outputs(weights))

    @torch.no_grad()
    def _outputs(self, weights: Tensor) -> Tensor:
        """Outputs `(B, N)`, computed in the type of the weights."""
        return self.architecture.outputs(weights, self.points.to(weights))
