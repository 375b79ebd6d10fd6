"""A dense linear layer for R replicas at once."""

import math

import torch
from torch import Generator, Tensor, nn

from esr.models import ReplicaModule

__all__ = ["ReplicaLinear"]


class ReplicaLinear(ReplicaModule):
    r"""`torch.nn.Linear` with a leading replica dimension: y = x W + b for each replica.

    Initial weights and biases are uniform in :math:`\pm 1/\sqrt{in}`, torch's default for a
    linear layer.

    Arguments:
        in_features: Number of inputs.
        out_features: Number of outputs.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw; its device is where the layer is made.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        replicas: int,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features, self.replicas = in_features, out_features, replicas
        self.weight = nn.Parameter(self._fresh(in_features, generator))
        self.bias = nn.Parameter(self._fresh(1, generator))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs `(R, N, out)` for inputs `(N, in)` or `(R, N, in)`."""
        return torch.baddbmm(self.bias, inputs.expand(self.replicas, -1, -1), self.weight)

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Draw all replicas anew and keep those asked for."""
        with torch.no_grad():
            for parameter, rows in ((self.weight, self.in_features), (self.bias, 1)):
                fresh = self._fresh(rows, generator).to(parameter)
                parameter.copy_(torch.where(which.view(-1, 1, 1), fresh, parameter))

    def repeat_replicas_(self, copies: int) -> None:
        """Have each replica stand `copies` times, side by side."""
        super().repeat_replicas_(copies)
        self.replicas *= copies

    def _fresh(self, rows: int, generator: Generator | None) -> Tensor:
        device = generator.device if generator is not None else None
        shape = (self.replicas, rows, self.out_features)
        uniform = torch.rand(shape, generator=generator, device=device) * 2 - 1
        return uniform / math.sqrt(self.in_features)
