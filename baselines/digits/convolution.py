"""A two-dimensional convolution for R replicas at once."""

import math

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from esr.models import ReplicaModule

__all__ = ["ReplicaConvolution"]


class ReplicaConvolution(ReplicaModule):
    r"""`torch.nn.Conv2d` with a leading replica dimension, as one grouped convolution.

    The border is padded with zeros by half the kernel. Initial weights and biases are uniform in
    :math:`\pm 1/\sqrt{C k^2}`, torch's default.

    Arguments:
        in_channels: Number of channels C of the input.
        out_channels: Number of channels C' of the output.
        replicas: Number of parallel copies R.
        kernel: Side k of the square kernel, odd, in pixels.
        stride: Pixels from one place of the kernel to the next.
        generator: Feeds the initial draw; its device is where the layer is made.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        replicas: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.replicas, self.kernel, self.stride = replicas, kernel, stride
        self._weight_shape = (replicas, out_channels, in_channels, kernel, kernel)
        self._bias_shape = (replicas, out_channels)
        self.weight = nn.Parameter(self._fresh(self._weight_shape, generator))
        self.bias = nn.Parameter(self._fresh(self._bias_shape, generator))

    def forward(self, images: Tensor) -> Tensor:
        """Outputs `(R, N, C', H', W')` for images `(N, C, H, W)` or `(R, N, C, H, W)`."""
        shared = images.dim() == 4
        beside = images if shared else images.transpose(0, 1).flatten(1, 2)  # (N, R C, H, W)
        outputs = functional.conv2d(
            beside,
            self.weight.flatten(0, 1),
            self.bias.flatten(),
            self.stride,
            self.kernel // 2,
            groups=1 if shared else self.replicas,
        )
        apart = outputs.view(len(outputs), *self._bias_shape, *outputs.shape[2:])
        return apart.transpose(0, 1)

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Draw all replicas anew and keep those asked for."""
        with torch.no_grad():
            for parameter, shape in (
                (self.weight, self._weight_shape),
                (self.bias, self._bias_shape),
            ):
                fresh = self._fresh(shape, generator).to(parameter)
                chosen = which.view(-1, *(1,) * (parameter.dim() - 1))
                parameter.copy_(torch.where(chosen, fresh, parameter))

    def repeat_replicas_(self, copies: int) -> None:
        """Have each replica stand `copies` times, side by side."""
        super().repeat_replicas_(copies)
        self.replicas *= copies
        self._weight_shape = (self.replicas, *self._weight_shape[1:])
        self._bias_shape = (self.replicas, *self._bias_shape[1:])

    def _fresh(self, shape: tuple[int, ...], generator: Generator | None) -> Tensor:
        device = generator.device if generator is not None else None
        uniform = torch.rand(shape, generator=generator, device=device) * 2 - 1
        return uniform / math.sqrt(math.prod(self._weight_shape[2:]))
