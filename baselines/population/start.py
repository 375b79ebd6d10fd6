"""Initial weights of a population: common to all networks, of a few kinds, or each its own."""

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Generator, Tensor

from baselines.population.architecture import Architecture, Layer
from esr.errors import ConfigurationError
from esr.random import RandomStreams

__all__ = ["OwnStarts", "SharedStarts", "Start"]


class Start(Protocol):
    """Gives each network of a population its initial weights."""

    def draw(self, architecture: Architecture, first: int, count: int, seed: int) -> Tensor:
        """Initial weights `(count, P)`, float32, of the networks `first`, `first + 1`, ... of a
        population, the same whenever they are asked for with the same arguments.

        Arguments:
            architecture: The networks' shape.
            first: Number of the first network in the population.
            count: How many.
            seed: The population's own.
        """
        ...


@dataclass(frozen=True)
class SharedStarts:
    """A few initialisations that the networks of a population take in turn; with one, all begin
    alike.

    Arguments:
        kinds: Number of different initialisations, at least 1.
        scale: Factor on torch's default range.
    Raises:
        ConfigurationError: If a number is not positive.
    """

    kinds: int = 1
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kinds < 1 or self.scale <= 0:
            raise ConfigurationError(f"kinds and scale must be positive, but got {self}")

    def draw(self, architecture: Architecture, first: int, count: int, seed: int) -> Tensor:
        """Initial weights `(count, P)`."""
        generator = RandomStreams(seed)["shared starts"]
        kinds = _uniform(architecture, self.kinds, self.scale, generator)
        return kinds[torch.arange(first, first + count) % self.kinds]


@dataclass(frozen=True)
class OwnStarts:
    """Each network begins with weights of its own.

    Arguments:
        scale: Factor on torch's default range.
    Raises:
        ConfigurationError: If the scale is not positive.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ConfigurationError(f"scale must be positive, but got {self}")

    def draw(self, architecture: Architecture, first: int, count: int, seed: int) -> Tensor:
        """Initial weights `(count, P)`; those of one range of networks are drawn together."""
        generator = RandomStreams(seed)[f"starts from {first}"]
        return _uniform(architecture, count, self.scale, generator)


def _uniform(architecture: Architecture, count: int, scale: float, generator: Generator) -> Tensor:
    """Uniform in plus-minus scale / sqrt(inputs of the layer), as torch's linear layers are."""
    flat = torch.rand(count, architecture.count, generator=generator) * 2 - 1
    layers = []
    for layer in architecture.split(flat):
        factor = scale / math.sqrt(layer.weight.shape[1])
        bias = layer.bias * factor if layer.bias is not None else None
        layers.append(Layer(layer.weight * factor, bias))
    return architecture.join(layers)
