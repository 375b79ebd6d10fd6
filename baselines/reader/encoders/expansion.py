"""The last part of several encoders: from numbers to a memory of m tokens."""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from baselines.linear import ReplicaLinear
from baselines.reader.drawn import Drawn
from esr.errors import ConfigurationError

__all__ = ["Expansion"]

HIGHEST = 8.0
"""Highest initial frequency of a wave."""


class Expansion(nn.Module):
    r"""Two dense layers, read as m tokens; half the units between them are GELU, half waves.

    .. math:: W_2\,[\mathrm{gelu}(z_1), \sin(f z_2)], \quad (z_1, z_2) = W_1 x

    The last digit of a number is a function of high frequency of it, which GELU units alone are
    slow to learn. Frequencies f are learned, at first spread evenly in the logarithm from 1 to 8.

    Arguments:
        count: Numbers n.
        hidden: Width of the first layer, at least 2.
        expanded: Width of the second layer, a multiple m of `width`.
        width: Features d of a token.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw.
    Raises:
        ConfigurationError: If `expanded` is no multiple of `width`, or `hidden` below 2.
    """

    def __init__(
        self,
        count: int,
        hidden: int,
        expanded: int,
        width: int,
        replicas: int,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if hidden < 2 or expanded < 1 or expanded % width:
            raise ConfigurationError(
                f"a memory is read as tokens of {width} features, so that its numbers must be a "
                f"multiple of {width}, but are {expanded}, from {hidden} units; "
                f"try {max(expanded // width, 1) * width}"
            )
        self.tokens, self.waves = expanded // width, hidden // 2
        self.first = ReplicaLinear(count, hidden, replicas, generator=generator)
        self.second = ReplicaLinear(hidden, expanded, replicas, generator=generator)
        self.frequencies = Drawn(self._spread, replicas, generator=generator)

    def forward(self, numbers: Tensor) -> Tensor:
        """Memory `(R, B, m, d)` of numbers `(B, n)` or `(R, B, n)`."""
        hidden = self.first(numbers)
        smooth, turning = hidden.split([hidden.shape[2] - self.waves, self.waves], 2)
        waves = torch.sin(turning * self.frequencies.value)
        features: Tensor = self.second(torch.cat([functional.gelu(smooth), waves], 2))
        return features.view(*features.shape[:2], self.tokens, -1)

    def _spread(self, replicas: int, generator: Generator | None) -> Tensor:
        device = generator.device if generator is not None else None
        line = HIGHEST ** torch.linspace(0, 1, self.waves, device=device)
        return line.expand(replicas, 1, -1).clone()
