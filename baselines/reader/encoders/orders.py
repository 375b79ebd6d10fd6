"""In which order an encoder sees the hidden neurons of a network."""

from typing import Protocol

from torch import Generator, Tensor

from baselines.population import Architecture
from baselines.reader.encoders.canonical import canonical

__all__ = ["CanonicalOrder", "GivenOrder", "NeuronOrder", "RandomOrder"]


class NeuronOrder(Protocol):
    """Puts hidden neurons in order without changing what networks compute."""

    def __call__(
        self, architecture: Architecture, weights: Tensor, generator: Generator | None
    ) -> Tensor:
        """Weights `(B, P)` of the same functions; a generator is given only while training."""
        ...


class GivenOrder:
    """The order in which the neurons come."""

    def __call__(
        self, architecture: Architecture, weights: Tensor, generator: Generator | None
    ) -> Tensor:
        """The weights as they are."""
        return weights


class CanonicalOrder:
    """The order of `canonical`, the same for all copies of a network with neurons permuted."""

    def __call__(
        self, architecture: Architecture, weights: Tensor, generator: Generator | None
    ) -> Tensor:
        """The weights `(B, P)` in canonical order."""
        return canonical(architecture, weights)


class RandomOrder:
    """Another random order each time while training, the given one otherwise: an encoder learns
    that the order does not matter."""

    def __call__(
        self, architecture: Architecture, weights: Tensor, generator: Generator | None
    ) -> Tensor:
        """The weights `(B, P)`, permuted if there is a generator."""
        if generator is None:
            return weights
        orders = architecture.random_orders(len(weights), generator=generator)
        return architecture.permuted(weights, [order.to(weights.device) for order in orders])
