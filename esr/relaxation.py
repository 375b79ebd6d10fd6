"""Relaxed yes/no choices: the hard concrete gate."""

import math

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError

__all__ = ["HardConcrete"]


class HardConcrete:
    r"""Hard concrete distribution: a stretched, clamped sigmoid with mass at exactly 0 and 1.

    .. math:: s = \sigma\big((\log u - \log(1-u) + \log\alpha)/\beta\big), \quad
              z = \min(1, \max(0, s(\zeta-\gamma)+\gamma)), \quad u \sim U(0, 1)

    Arguments:
        temperature: :math:`\beta`, in (0, 1].
        low: :math:`\gamma < 0`, lower end of the stretched interval.
        high: :math:`\zeta > 1`, upper end of the stretched interval.
    Raises:
        ConfigurationError: If a value is out of range.
    Source: Louizos, Welling, Kingma (2018), eqs. 10-12, https://arxiv.org/abs/1712.01312.
    """

    def __init__(self, temperature: float = 2 / 3, low: float = -0.1, high: float = 1.1) -> None:
        if not (0 < temperature <= 1 and low < 0 and high > 1):
            raise ConfigurationError(
                "HardConcrete needs 0 < temperature <= 1, low < 0 and high > 1, but got "
                f"temperature={temperature}, low={low}, high={high}"
            )
        self.temperature, self.low, self.high = temperature, low, high

    def sample(self, log_alpha: Tensor, *, generator: Generator | None = None) -> Tensor:
        """Gates in [0, 1] with fresh noise, same shape as `log_alpha`, differentiable in it."""
        uniform = torch.rand(
            log_alpha.shape, generator=generator, dtype=log_alpha.dtype, device=log_alpha.device
        )
        uniform = uniform.mul(1 - 2e-6).add(1e-6)
        return self._stretch(torch.sigmoid((uniform.logit() + log_alpha) / self.temperature))

    def mode(self, log_alpha: Tensor) -> Tensor:
        """Gates without noise (eq. 13 of the source), in [0, 1], same shape as `log_alpha`."""
        return self._stretch(torch.sigmoid(log_alpha))

    def probability_open(self, log_alpha: Tensor) -> Tensor:
        """Probability that a gate is not exactly zero (eq. 12 of the source), in (0, 1)."""
        return torch.sigmoid(log_alpha - self.temperature * math.log(-self.low / self.high))

    def _stretch(self, sigmoid: Tensor) -> Tensor:
        return (sigmoid * (self.high - self.low) + self.low).clamp(0, 1)
