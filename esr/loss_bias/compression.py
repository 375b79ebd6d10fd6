"""Growing functions that keep a loss small enough to stand beside other energies."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import ConfigurationError

__all__ = ["Logarithmic", "Saturating"]


@dataclass(frozen=True)
class Logarithmic:
    r"""Grows like the loss while it is small, and by its logarithm when it is large.

    .. math:: c \log(1 + L / c)

    Arguments:
        scale: :math:`c`, above 0, in the loss's unit.
    Raises:
        ConfigurationError: If `scale` is not above 0.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_positive(self.scale)

    def __call__(self, losses: Tensor) -> Tensor:
        """Compressed losses, shape `(*)` as given; losses are at least 0."""
        return self.scale * torch.log1p(losses / self.scale)


@dataclass(frozen=True)
class Saturating:
    r"""Grows like the loss while it is small, and never reaches the scale.

    .. math:: c\, L / (L + c)

    Arguments:
        scale: :math:`c`, above 0, in the loss's unit.
    Raises:
        ConfigurationError: If `scale` is not above 0.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_positive(self.scale)

    def __call__(self, losses: Tensor) -> Tensor:
        """Compressed losses, shape `(*)` as given; losses are at least 0."""
        return self.scale * losses / (losses + self.scale)


def _check_positive(scale: float) -> None:
    if not scale > 0:
        raise ConfigurationError(f"scale must be above 0, but is {scale}")
