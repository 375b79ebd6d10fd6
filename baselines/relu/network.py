"""A plain ReLU network with replicas."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn

from baselines.linear import ReplicaLinear
from esr.errors import ConfigurationError
from esr.models import FunctionModel

__all__ = ["ReLUNetwork"]


class ReLUNetwork(FunctionModel):
    """Multilayer perceptron with ReLU activations; a function without an equation.

    Arguments:
        in_features: Number of inputs D, at least 1.
        out_features: Number of outputs O, at least 1.
        hidden: Width of each hidden layer.
        replicas: None or the number of parallel copies R; None is one copy whose outputs still
            lead with R = 1.
        generator: Feeds the initial draw; torch's default generator unless given.
    Raises:
        ConfigurationError: If a size is not positive.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        hidden: Sequence[int] = (32, 32),
        replicas: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        widths = [in_features, *hidden, out_features]
        if min(widths) < 1 or (replicas is not None and replicas < 1):
            raise ConfigurationError(
                f"a ReLU network needs positive sizes, but got widths {widths} and "
                f"replicas={replicas}"
            )
        super().__init__(replicas or 1)
        self.layers = nn.ModuleList(
            ReplicaLinear(a, b, self.replicas, generator=generator) for a, b in pairwise(widths)
        )

    @property
    def head(self) -> Sequence[str]:
        """Weight and bias of the last layer."""
        last = len(self.layers) - 1
        return (f"layers.{last}.weight", f"layers.{last}.bias")

    def draw(self, *, generator: Generator | None = None) -> Callable[[Tensor], Tensor]:
        """The network itself: it has no relaxed choices."""

        def function(inputs: Tensor) -> Tensor:
            features = inputs
            for layer in self.layers[:-1]:
                features = torch.relu(layer(features))
            outputs: Tensor = self.layers[-1](features)
            return outputs

        return function
