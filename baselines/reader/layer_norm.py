"""Layer normalisation for R replicas at once."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from esr.models import ReplicaModule

__all__ = ["ReplicaLayerNorm"]


class ReplicaLayerNorm(ReplicaModule):
    r"""`torch.nn.LayerNorm` over the last dimension with a leading replica dimension.

    .. math:: y = \frac{x - \bar x}{\sqrt{\mathrm{var}(x) + 10^{-5}}} \, g + b

    Arguments:
        width: Number of features d.
        replicas: Number of parallel copies R.
    Source: Ba, Kiros, Hinton (2016), eq. 4, https://arxiv.org/abs/1607.06450.
    """

    def __init__(self, width: int, replicas: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(replicas, 1, width))
        self.bias = nn.Parameter(torch.zeros(replicas, 1, width))

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalised features `(R, N, d)` of the same shape."""
        shape = inputs.shape[-1:]
        if len(self.gain) == 1:  # one call of a fused kernel
            return functional.layer_norm(inputs, shape, self.gain[0, 0], self.bias[0, 0])
        return torch.addcmul(self.bias, functional.layer_norm(inputs, shape), self.gain)

    def reset_replicas(self, which: Tensor, *, generator: object = None) -> None:
        """Make gain one and bias zero again where asked."""
        with torch.no_grad():
            self.gain[which] = 1.0
            self.bias[which] = 0.0
