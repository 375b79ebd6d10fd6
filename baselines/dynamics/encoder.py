"""An encoder that condenses an observed trajectory into a few latent numbers."""

from torch import Generator, Tensor, nn
from torch.nn import functional

from baselines.linear import ReplicaLinear
from esr.errors import ConfigurationError

__all__ = ["TrajectoryEncoder"]


class TrajectoryEncoder(nn.Module):
    r"""Convolution over time, mean over time, two dense layers, with replicas.

    .. math:: z = W_3\, \phi(W_2\, \tfrac1T \sum_t \phi(W_1 [x_t \dots x_{t+k-1}]))

    with :math:`\phi` the exponential linear unit, which is smooth and exact on the line.

    Arguments:
        channels: Number C of observed quantities at each time.
        latents: Number L of latent numbers.
        replicas: Number of parallel copies R.
        filters: Number of convolution filters, and of units in the dense layer.
        kernel: Length of the convolution in time steps.
        generator: Feeds the initial draw.
    Raises:
        ConfigurationError: If a size is not positive.
    Source: Kim et al. (2020), https://arxiv.org/abs/1912.04825, section on dynamics; the sizes
        and the mean over time are ours.
    """

    def __init__(
        self,
        channels: int,
        latents: int,
        replicas: int,
        filters: int = 16,
        kernel: int = 5,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = {"channels": channels, "latents": latents, "replicas": replicas}
        for name, size in (sizes | {"filters": filters, "kernel": kernel}).items():
            if size < 1:
                raise ConfigurationError(f"encoder {name} must be at least 1, but is {size}")
        self.channels, self.latents, self.filters, self.kernel = channels, latents, filters, kernel
        self.convolution = ReplicaLinear(kernel * channels, filters, replicas, generator=generator)
        self.dense = ReplicaLinear(filters, filters, replicas, generator=generator)
        self.head = ReplicaLinear(filters, latents, replicas, generator=generator)

    def replica(self, index: int) -> "TrajectoryEncoder":
        """A copy of one replica, as an encoder with R = 1."""
        copy = TrajectoryEncoder(self.channels, self.latents, 1, self.filters, self.kernel)
        state = {name: value[index : index + 1] for name, value in self.state_dict().items()}
        copy.to(next(self.parameters())).load_state_dict(state)
        return copy

    def forward(self, observed: Tensor) -> Tensor:
        """Latents `(R, N, L)` of observed trajectories `(N, T, C)`, T at least the kernel."""
        windows = observed.unfold(1, self.kernel, 1).flatten(2)  # (N, T', C k)
        count, places, width = windows.shape
        features = functional.elu(self.convolution(windows.reshape(-1, width)))
        pooled = features.reshape(-1, count, places, features.shape[2]).mean(2)  # (R, N, filters)
        latents: Tensor = self.head(functional.elu(self.dense(pooled)))
        return latents
