"""Activation functions of small networks, each with its derivative in closed form."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from esr.errors import ConfigurationError, suggestion

__all__ = ["GELU", "RELU", "SILU", "SINE", "SIN_COS", "SOFTPLUS", "TANH", "UNITS", "Unit", "unit"]


@dataclass(frozen=True)
class Unit:
    """An activation function.

    Arguments:
        name: What files and settings call it.
        value: The function, elementwise.
        derivative: Maps arguments and values to derivatives, elementwise.
    """

    name: str
    value: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor, Tensor], Tensor]


def _silu_derivative(argument: Tensor, value: Tensor) -> Tensor:
    gate = torch.sigmoid(argument)
    return gate + value * (1 - gate)


def _gelu_derivative(argument: Tensor, value: Tensor) -> Tensor:
    below = 0.5 * (1 + torch.erf(argument / math.sqrt(2)))
    return below + argument * torch.exp(-argument.square() / 2) / math.sqrt(2 * math.pi)


SIN_COS = Unit(
    "sin+cos",
    lambda z: torch.sin(z + math.pi / 4).mul_(math.sqrt(2)),
    lambda z, a: torch.cos(z + math.pi / 4).mul_(math.sqrt(2)),
)
"""sin z + cos z, as one sine: neither odd nor even, so that networks without biases fit any
function."""
SINE = Unit("sin", torch.sin, lambda z, a: torch.cos(z))
TANH = Unit("tanh", torch.tanh, lambda z, a: 1 - a * a)
RELU = Unit("relu", torch.relu, lambda z, a: (z > 0).to(z))
SOFTPLUS = Unit("softplus", functional.softplus, lambda z, a: torch.sigmoid(z))
SILU = Unit("silu", functional.silu, _silu_derivative)
GELU = Unit("gelu", functional.gelu, _gelu_derivative)
UNITS = (SIN_COS, SINE, TANH, RELU, SOFTPLUS, SILU, GELU)


def unit(name: str) -> Unit:
    """The unit of a name.

    Raises:
        ConfigurationError: If there is none.
    """
    known = {one.name: one for one in UNITS}
    if name not in known:
        raise ConfigurationError(f"no unit {name!r}; {suggestion(str(name), known)}")
    return known[name]
