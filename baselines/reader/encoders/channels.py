"""One layer of messages along weights, in channels."""

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from baselines.linear import ReplicaLinear
from baselines.population import Layer, Unit
from baselines.reader.drawn import Drawn

__all__ = ["ChannelLayer", "message"]


def message(layer: Layer, values: Tensor) -> Tensor:
    """What arrives at the neurons of a layer, in each channel alike: linear in the weights.

    Arguments:
        layer: Weights `(B, in, out)`, and biases.
        values: Of the neurons before, `(R, B, in, C)` or `(R, 1, in, C)`.
    Returns:
        `(R, B, out, C)`.
    """
    arriving = torch.matmul(layer.weight.transpose(1, 2), values)
    return arriving if layer.bias is None else arriving + layer.bias.transpose(1, 2)


class ChannelLayer(nn.Module):
    r"""Values of neurons from the messages they get.

    .. math:: h = L\,[\phi_1(g m + p), \phi_2(g m + p), \dots]

    with gains g, at first 1, and phases p for each channel, and a linear map L of channels.

    Arguments:
        channels: Number of channels C.
        features: The functions :math:`\phi`.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw.
    """

    def __init__(
        self,
        channels: int,
        features: Sequence[Unit],
        replicas: int,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.features = tuple(features)

        def gains(replicas: int, generator: Generator | None) -> Tensor:
            device = generator.device if generator is not None else None
            return torch.ones(replicas, 1, 1, channels, device=device)

        def phases(replicas: int, generator: Generator | None) -> Tensor:
            device = generator.device if generator is not None else None
            shape = (replicas, 1, 1, channels)
            return torch.randn(shape, generator=generator, device=device) / 2

        self.gains = Drawn(gains, replicas, generator=generator)
        self.phases = Drawn(phases, replicas, generator=generator)
        width = len(self.features) * channels
        self.mix = ReplicaLinear(width, channels, replicas, generator=generator)

    def forward(self, messages: Tensor) -> Tensor:
        """Values `(R, B, n, C)` of neurons that get messages `(R, B, n, C)`."""
        arguments = messages * self.gains.value + self.phases.value
        shown = torch.cat([unit.value(arguments) for unit in self.features], 3)
        mixed: Tensor = self.mix(shown.flatten(1, 2))
        return mixed.view(messages.shape)
