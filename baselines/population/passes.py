"""What happens inside many networks at once: forward, and back from the output to each layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.population.units import Unit

__all__ = [
    "Layer",
    "Pass",
    "derivatives",
    "forward",
    "kernel",
    "products",
    "sensitivities",
]


class Layer(NamedTuple):
    """One layer of M networks.

    Arguments:
        weight: `(M, in, out)`.
        bias: `(M, 1, out)`, or None.
    """

    weight: Tensor
    bias: Tensor | None

    def __call__(self, features: Tensor) -> Tensor:
        """What arrives at the neurons, `(M, N, out)`, from `(M, N, in)` or the same for all,
        `(N, in)`."""
        if self.bias is None:
            return _product(features, self.weight)
        if features.shape[-1] == 1:
            return torch.addcmul(self.bias, features, self.weight)
        return torch.baddbmm(self.bias, features.expand(len(self.weight), -1, -1), self.weight)


@dataclass(frozen=True)
class Pass:
    """What M networks computed at N points.

    Arguments:
        features: What each layer was given, `(M, N, in)`; the first was given the points, which
            are `(N, D)` if they are the same for all.
        arguments: What arrived at the neurons of each hidden layer, `(M, N, out)`.
        outputs: `(M, N)`.
    """

    features: list[Tensor]
    arguments: list[Tensor]
    outputs: Tensor

    def replace_(self, rows: Tensor, other: "Pass") -> None:
        """Overwrite some networks, int64 `(m,)`, by those of another pass over m networks; the
        points must be the same."""
        for own, new in zip(self.features[1:], other.features[1:], strict=True):
            own.index_copy_(0, rows, new)
        for own, new in zip(self.arguments, other.arguments, strict=True):
            own.index_copy_(0, rows, new)
        self.outputs.index_copy_(0, rows, other.outputs)


def forward(layers: Sequence[Layer], unit: Unit, points: Tensor) -> Pass:
    """Run networks and keep what the way back needs.

    Arguments:
        layers: Of M networks.
        unit: Activation function of the hidden layers.
        points: `(N, D)`, or `(M, N, D)` with own points for each.
    """
    features, arguments = [points], []
    for layer in layers[:-1]:
        arguments.append(layer(features[-1]))
        features.append(unit.value(arguments[-1]))
    return Pass(features, arguments, layers[-1](features[-1])[..., 0])


def sensitivities(
    layers: Sequence[Layer], unit: Unit, passed: Pass, factors: Tensor
) -> list[Tensor]:
    """Derivatives of the outputs, times factors, by what arrives at each layer's neurons.

    Arguments:
        layers: Of M networks.
        unit: Activation function of the hidden layers.
        passed: Their pass over N points.
        factors: One for each output, `(M, N)`, or the same for all networks, `(N,)`.
    Returns:
        For each layer, `(M, N, out)`; for the last one `(N, 1)` if the factors are shared.
    """
    found = [factors[..., None]]
    for index in range(len(layers) - 1, 0, -1):
        back = _product(found[-1], layers[index].weight.transpose(1, 2))
        slope = unit.derivative(passed.arguments[index - 1], passed.features[index])
        found.append(back.mul_(slope))
    return found[::-1]


def products(passed: Pass, sensitive: Sequence[Tensor], bias: bool) -> list[Layer]:
    """Sums over the points of the outputs' derivatives, times factors, by weights and biases:
    with the factors of a loss its gradient.

    Arguments:
        passed: A pass of M networks over N points.
        sensitive: Its `sensitivities` for the factors.
        bias: Whether there are biases.
    Returns:
        In the shape of the layers.
    """
    count = len(passed.outputs)
    return [
        Layer(torch.bmm(given.mT.expand(count, -1, -1), by), by.sum(1, True) if bias else None)
        for given, by in zip(passed.features, sensitive, strict=True)
    ]


def derivatives(passed: Pass, sensitive: Sequence[Tensor], bias: bool) -> Tensor:
    """Derivatives of the outputs, times factors, by all weights and then all biases.

    Arguments:
        passed: A pass of M networks over N points.
        sensitive: Its `sensitivities` for the factors.
        bias: Whether there are biases.
    Returns:
        `(M, N, P)`.
    """
    parts = [
        (given[..., None] * by[..., None, :]).flatten(2)
        for given, by in zip(passed.features, sensitive, strict=True)
    ]
    if bias:
        parts += [by.expand(len(passed.outputs), -1, -1) for by in sensitive]
    return torch.cat(parts, 2)


def kernel(passed: Pass, sensitive: Sequence[Tensor], bias: bool) -> Tensor:
    r"""Products :math:`JJ^\top` of the outputs' derivatives by all weights, without :math:`J`.

    A layer's derivatives are outer products of what it is given and the sensitivities, so that
    its share of the products is :math:`(HH^\top + b) \circ DD^\top`, where :math:`b` is one with
    biases and zero without.

    Arguments:
        passed: A pass of M networks over N points.
        sensitive: Its `sensitivities` for some factors, by which the rows of J are multiplied.
        bias: Whether there are biases.
    Returns:
        `(M, N, N)`.
    """
    count, points = passed.outputs.shape
    total = passed.outputs.new_zeros(count, points, points)
    for given, by in zip(passed.features, sensitive, strict=True):
        alike = _product(given, given.mT)
        total.addcmul_(_product(by, by.mT), alike.add_(1) if bias else alike)
    return total


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix products; torch's are slow where the inner size is one."""
    return left * right if left.shape[-1] == 1 else left @ right
