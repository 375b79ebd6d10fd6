"""The shape that all networks of a population share, and what it makes of their weights."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor

from baselines.population.passes import Layer, derivatives, forward, sensitivities
from baselines.population.units import Unit
from baselines.population.units import unit as named_unit
from esr.errors import ConfigurationError, DataError

__all__ = ["Architecture", "Layer"]


class Architecture:
    """A multilayer perceptron with one output and the same unit at every hidden neuron.

    The weights of M networks are a tensor `(M, P)`: those of each layer, row by row from input
    to output neuron, one layer after the other; then the biases of each layer, if any.

    Arguments:
        sizes: Neurons of each layer, inputs first; the last must be 1.
        unit: The activation function, or its name.
        bias: Whether neurons have biases.
    Raises:
        ConfigurationError: If a size is not positive, no hidden layer is given or the last size
            is not 1.
    """

    def __init__(
        self,
        sizes: Sequence[int] = (1, 8, 7, 8, 1),
        unit: Unit | str = "sin+cos",
        bias: bool = False,
    ) -> None:
        whole = all(type(size) is int and size > 0 for size in sizes)
        if len(sizes) < 3 or not whole or sizes[-1] != 1:
            raise ConfigurationError(
                f"sizes must be inputs, one or more hidden layers and 1 output, all positive "
                f"integers, such as [1, 8, 7, 8, 1], but are {list(sizes)}"
            )
        self.sizes, self.bias = tuple(sizes), bias
        self.unit = named_unit(unit) if isinstance(unit, str) else unit
        shapes = list(pairwise(self.sizes))
        self._weights = [inputs * outputs for inputs, outputs in shapes]
        self._biases = list(self.sizes[1:]) if bias else []

    @property
    def count(self) -> int:
        """Number of weights and biases P."""
        return sum(self._weights) + sum(self._biases)

    @property
    def inputs(self) -> int:
        """Number of inputs D."""
        return self.sizes[0]

    @property
    def hidden(self) -> tuple[int, ...]:
        """Sizes of the hidden layers."""
        return self.sizes[1:-1]

    def describe(self) -> dict[str, object]:
        """Plain values from which `Architecture.described` makes the same one."""
        return {"sizes": list(self.sizes), "unit": self.unit.name, "bias": self.bias}

    @staticmethod
    def described(description: Mapping[str, object]) -> "Architecture":
        """The architecture that `describe` described.

        Raises:
            DataError: If something is missing or of a wrong type.
        """
        try:
            return Architecture(**description)  # type: ignore[arg-type]
        except (TypeError, AttributeError) as error:
            raise DataError(
                f"this does not describe an architecture ({error}): {description}"
            ) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Architecture) and self.describe() == other.describe()

    def __hash__(self) -> int:
        return hash((self.sizes, self.unit.name, self.bias))

    def __str__(self) -> str:
        biases = "with" if self.bias else "without"
        return f"{'-'.join(map(str, self.sizes))}, {self.unit.name}, {biases} biases"

    def split(self, weights: Tensor) -> list[Layer]:
        """The layers of networks `(M, P)`, as views."""
        parts = torch.split(weights, [*self._weights, *self._biases], dim=1)
        layers = []
        for index, (inputs, outputs) in enumerate(pairwise(self.sizes)):
            weight = parts[index].view(-1, inputs, outputs)
            bias = parts[len(self._weights) + index].unsqueeze(1) if self.bias else None
            layers.append(Layer(weight, bias))
        return layers

    def join(self, layers: Sequence[Layer]) -> Tensor:
        """The weights `(M, P)` of layers; the inverse of `split`."""
        biases = [layer.bias.flatten(1) for layer in layers if layer.bias is not None]
        return torch.cat([*(layer.weight.flatten(1) for layer in layers), *biases], 1)

    def outputs(self, weights: Tensor, points: Tensor) -> Tensor:
        """What M networks say.

        Arguments:
            weights: `(M, P)`.
            points: `(N, D)`, or `(M, N, D)` with own points for each.
        Returns:
            `(M, N)`.
        """
        return forward(self.split(weights), self.unit, points).outputs

    def jacobian(self, weights: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs `(M, N)` of networks, and their derivatives by the weights `(M, N, P)`.

        Arguments:
            weights: `(M, P)`.
            points: `(N, D)`, or `(M, N, D)`.
        """
        layers = self.split(weights)
        passed = forward(layers, self.unit, points)
        ones = torch.ones_like(passed.outputs[0])
        sensitive = sensitivities(layers, self.unit, passed, ones)
        return passed.outputs, derivatives(passed, sensitive, self.bias)

    def permuted(self, weights: Tensor, orders: Sequence[Tensor]) -> Tensor:
        """The same functions with hidden neurons in another order.

        Arguments:
            weights: `(M, P)`.
            orders: For each hidden layer which neuron comes first, second, ..., int64 `(M, n)`.
        Returns:
            `(M, P)`.
        """
        layers = self.split(weights)
        for index, order in enumerate(orders):
            layer, following = layers[index], layers[index + 1]
            columns = order[:, None].expand_as(layer.weight)
            rows = order[:, :, None].expand_as(following.weight)
            bias = layer.bias.gather(2, order[:, None]) if layer.bias is not None else None
            layers[index] = Layer(layer.weight.gather(2, columns), bias)
            layers[index + 1] = Layer(following.weight.gather(1, rows), following.bias)
        return self.join(layers)

    def random_orders(self, count: int, *, generator: Generator) -> list[Tensor]:
        """Random orders of the hidden neurons of M networks, for `permuted`."""
        device = generator.device
        return [
            torch.rand(count, size, generator=generator, device=device).argsort(1)
            for size in self.hidden
        ]
