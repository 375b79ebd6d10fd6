"""Numbers in units of their deviation in the training set."""

import torch
from torch import Tensor, nn

__all__ = ["Standard"]


class Standard(nn.Module):
    """Subtracts means and divides by deviations, which are 0 and 1 until `adapt` is called.

    Arguments:
        count: Quantities P.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("deviation", torch.ones(count))

    def forward(self, values: Tensor) -> Tensor:
        """Standardised values `(B, P)` of the buffers' type."""
        return (values.to(self.mean) - self.mean) / self.deviation

    def adapt(self, values: Tensor) -> None:
        """Take mean and deviation of each quantity from values `(M, P)`; a quantity that does
        not vary keeps deviation 1."""
        deviation, mean = torch.std_mean(values.double(), 0, correction=0)
        self.mean.copy_(mean)
        self.deviation.copy_(torch.where(deviation > 1e-6, deviation, 1.0))
