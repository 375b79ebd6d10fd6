"""An encoder that makes each hidden neuron a token."""

from dataclasses import replace

import torch
from torch import Generator, Tensor, nn

from baselines.linear import ReplicaLinear
from baselines.population import Architecture
from baselines.reader.attention import Span
from baselines.reader.block import ReadingBlock
from baselines.reader.drawn import Drawn
from baselines.reader.encoders.encoder import Encoder
from baselines.reader.encoders.orders import GivenOrder, NeuronOrder
from baselines.reader.encoders.standard import Standard
from baselines.reader.layer_norm import ReplicaLayerNorm
from baselines.reader.size import ReaderSize

__all__ = ["NeuronEncoder"]


class NeuronEncoder(Encoder):
    """One token for each hidden neuron, from its incoming and outgoing weights and its bias, and
    self-attention among them.

    Each layer has its own dense layer, since sizes differ and a token must say where it is; each
    place adds its own learned code.

    Arguments:
        architecture: Of the networks.
        width: Features d of a token.
        replicas: Number of parallel copies R.
        size: Layers and heads of the self-attention, one layer unless given; its width is
            replaced by d.
        order: In which order neurons are seen; as given unless said otherwise.
        generator: Feeds the initial draw.
    """

    def __init__(
        self,
        architecture: Architecture,
        width: int,
        replicas: int,
        size: ReaderSize | None = None,
        order: NeuronOrder | None = None,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(sum(architecture.hidden))
        size = replace(size or ReaderSize(width, layers=1), width=width)
        self.architecture, self.size = architecture, size
        self.order = order if order is not None else GivenOrder()
        self.standard = Standard(architecture.count)
        around = zip(architecture.sizes[:-2], architecture.sizes[2:], strict=True)
        self.project = nn.ModuleList(
            ReplicaLinear(before + after + architecture.bias, width, replicas, generator=generator)
            for before, after in around
        )

        def draw(replicas: int, generator: Generator | None) -> Tensor:
            device = generator.device if generator is not None else None
            shape = (replicas, 1, self.tokens, width)
            return torch.randn(shape, generator=generator, device=device) / 2

        self.places = Drawn(draw, replicas, generator=generator)
        self.blocks = nn.ModuleList(
            ReadingBlock(size, replicas, generator=generator) for _ in range(size.layers)
        )
        self.norm = ReplicaLayerNorm(width, replicas)

    def forward(self, weights: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Memory `(R, B, m, d)` of weights `(B, P)`."""
        standard = self.standard(self.order(self.architecture, weights, generator))
        layers = self.architecture.split(standard)
        tokens = []
        for index, project in enumerate(self.project):
            parts = [layers[index].weight.transpose(1, 2), layers[index + 1].weight]
            bias = layers[index].bias
            if bias is not None:
                parts.append(bias.transpose(1, 2))
            around = torch.cat(parts, 2)  # (B, n, before + after)
            tokens.append(project(around.flatten(0, 1)).unflatten(1, around.shape[:2]))
        features = (torch.cat(tokens, 2) + self.places.value).flatten(1, 2)  # (R, B m, d)
        spans = [Span(len(weights), self.tokens)]
        for block in self.blocks:
            features = block(features, spans)
        normal: Tensor = self.norm(features)
        return normal.view(len(normal), -1, self.tokens, normal.shape[2])

    def adapt(self, weights: Tensor) -> None:
        """Take means and deviations from networks `(M, P)`."""
        self.standard.adapt(self.order(self.architecture, weights, None))
