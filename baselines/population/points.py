"""Where functions are compared: points of a cube and how much each weighs."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError

__all__ = ["Points", "gauss_legendre", "sampled_points"]


class Points(NamedTuple):
    """Points and their weights in a mean.

    Arguments:
        points: `(N, D)`.
        weights: Positive, summing to 1, `(N,)`.
    """

    points: Tensor
    weights: Tensor

    def to(self, other: Tensor) -> "Points":
        """The same of the type and on the device of another tensor."""
        return Points(self.points.to(other), self.weights.to(other))

    def mean(self, values: Tensor) -> Tensor:
        """Weighted means `(*)` of values `(*, N)`."""
        return values @ self.weights.to(values)


def gauss_legendre(nodes: int, inputs: int = 1, low: float = -1.0, high: float = 1.0) -> Points:
    """Nodes of Gauss-Legendre quadrature in each direction, float64: means over the cube are
    exact for polynomials of degree below twice their number.

    Arguments:
        nodes: Number in each direction, at least 1; all together are N = nodes ** inputs.
        inputs: Number of inputs D, at least 1.
        low: Lower end of each input.
        high: Upper end, above `low`.
    Raises:
        ConfigurationError: If a number is too small or the interval is empty.
    """
    if nodes < 1 or inputs < 1 or not low < high:
        raise ConfigurationError(
            f"quadrature needs nodes and inputs of at least 1 and low < high, but got "
            f"nodes={nodes}, inputs={inputs}, low={low}, high={high}"
        )
    place, share = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(nodes))
    place, share = low + (high - low) * (place + 1) / 2, share / 2
    points = torch.cartesian_prod(*[place] * inputs).reshape(-1, inputs)
    weights = torch.cartesian_prod(*[share] * inputs).reshape(-1, inputs).prod(1)
    return Points(points, weights)


def sampled_points(
    count: int, inputs: int = 1, low: float = -1.0, high: float = 1.0, *, generator: Generator
) -> Points:
    """Random points of the cube, float64, all of the same weight.

    Arguments:
        count: Number N, at least 1.
        inputs: Number of inputs D, at least 1.
        low: Lower end of each input.
        high: Upper end, above `low`.
        generator: Feeds the draw.
    Raises:
        ConfigurationError: If a number is too small or the interval is empty.
    """
    if count < 1 or inputs < 1 or not low < high:
        raise ConfigurationError(
            f"samples need a count and inputs of at least 1 and low < high, but got "
            f"count={count}, inputs={inputs}, low={low}, high={high}"
        )
    shape, device = (count, inputs), generator.device
    drawn = torch.rand(shape, generator=generator, device=device, dtype=torch.float64)
    return Points(low + (high - low) * drawn, drawn.new_full((count,), 1 / count))
