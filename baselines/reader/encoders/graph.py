"""An encoder that passes messages along the weights, whatever the order of the neurons."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from baselines.population import Architecture, Unit
from baselines.population.units import SINE
from baselines.reader.drawn import Drawn
from baselines.reader.encoders.channels import ChannelLayer, message
from baselines.reader.encoders.encoder import Encoder
from baselines.reader.encoders.expansion import Expansion
from esr.errors import ConfigurationError

__all__ = ["COSINE", "GraphEncoder"]

COSINE = Unit("cos", torch.cos, lambda z, a: -torch.sin(z))


class GraphEncoder(Encoder):
    r"""Messages of C channels that are linear in the weights.

    .. math:: m_j = \sum_i W_{ij} h_i + b_j, \qquad
        h_j = L\,[\phi_1(g m_j + p), \phi_2(g m_j + p), \dots]

    from learned values h of the input neurons to the output neuron, whose message becomes the
    memory (`Expansion`). Gains g and phases p are learned for each layer and channel, the linear
    map L mixes channels. Neurons of a layer are treated alike, so that their order does not
    matter. It sees the weights alone and is told neither points nor the networks' unit.

    Arguments:
        architecture: Of the networks.
        width: Features d of a token.
        replicas: Number of parallel copies R.
        channels: Channels C of a message.
        features: The functions :math:`\phi`; sine and cosine unless given.
        expanded: Numbers m d of a memory.
        generator: Feeds the initial draw.
    """

    scale: Tensor

    def __init__(
        self,
        architecture: Architecture,
        width: int,
        replicas: int,
        channels: int = 64,
        features: Sequence[Unit] = (SINE, COSINE),
        expanded: int = 512,
        *,
        generator: Generator | None = None,
    ) -> None:
        if channels < 1 or not features:
            raise ConfigurationError(
                f"messages need channels and features, but got {channels} channels and "
                f"{[unit.name for unit in features]}"
            )
        readout = Expansion(
            channels, expanded // 2, expanded, width, replicas, generator=generator
        )
        super().__init__(readout.tokens)
        self.architecture, self.channels, self.features = architecture, channels, tuple(features)
        self.inputs = Drawn(self._draw_inputs, replicas, generator=generator)
        self.layers = nn.ModuleList(
            ChannelLayer(channels, features, replicas, generator=generator)
            for _ in architecture.hidden
        )
        self.readout = readout
        self.register_buffer("scale", torch.tensor(3.0))

    def forward(self, weights: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Memory `(R, B, m, d)` of weights `(B, P)`."""
        memory: Tensor = self.readout(self._messages(weights) / self.scale)
        return memory

    @torch.no_grad()
    def adapt(self, weights: Tensor) -> None:
        """Take the size of messages to the output neuron from networks `(M, P)`."""
        self.scale.copy_(self._messages(weights).square().mean().sqrt())

    def _messages(self, weights: Tensor) -> Tensor:
        """What arrives at the output neuron, `(R, B, C)`."""
        layers = self.architecture.split(weights.to(self.scale))
        values = self.inputs.value[:, None]  # (R, 1, D, C)
        for layer, channels in zip(layers, self.layers, strict=False):
            values = channels(message(layer, values))  # (R, B, n, C)
        return message(layers[-1], values)[:, :, 0]

    def _draw_inputs(self, replicas: int, generator: Generator | None) -> Tensor:
        """Evenly spread over [-1, 1] for one input, at random for several."""
        device = generator.device if generator is not None else None
        if self.architecture.inputs == 1:
            line = torch.linspace(-1, 1, self.channels, device=device)
            return line.expand(replicas, 1, -1).clone()
        shape = (replicas, self.architecture.inputs, self.channels)
        return torch.rand(shape, generator=generator, device=device) * 2 - 1
