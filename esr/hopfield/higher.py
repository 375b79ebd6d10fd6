"""Couplings of three neurons and more: sums of weighted products."""

import torch
from torch import Tensor, nn

__all__ = ["HigherOrder"]


class HigherOrder(nn.Module):
    r"""Products of m neurons, m >= 3: what no pairwise Q can express, such as parity.

    .. math:: E = -\sum_i w_i \prod_{t=1}^{m} V_{n_{it}}

    Arguments:
        neurons: Flat indices `(n, m)`; an index may occur more than once in a row.
        weights: Shape `(n,)`.
    """

    neurons: Tensor
    weights: Tensor

    def __init__(self, neurons: Tensor, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("neurons", neurons)
        self.register_buffer("weights", weights)

    def energy(self, states: Tensor) -> Tensor:
        """The energy of states `(R, G, S)`, `(R,)`."""
        return -(states.flatten(1)[:, self.neurons].prod(2) * self.weights).sum(1)

    def add_field(self, states: Tensor, field: Tensor) -> None:
        """Add minus the energy's derivative to a field `(R, G, S)` in place."""
        chosen = states.flatten(1)[:, self.neurons]  # (R, n, m)
        out = field.view(len(field), -1)
        for place in range(self.neurons.shape[1]):  # the order, which is small
            others = torch.cat([chosen[..., :place], chosen[..., place + 1 :]], 2).prod(2)
            out.index_add_(1, self.neurons[:, place], others * self.weights)
