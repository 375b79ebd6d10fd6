"""Encoder and recurrent propagator: the latent is read from one trajectory, used on another."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from baselines.dynamics.encoder import TrajectoryEncoder
from esr.models import Energy, EnergyModel, FunctionModel

__all__ = ["DynamicsBatch", "DynamicsModel"]


class DynamicsBatch(NamedTuple):
    """Pairs of trajectories that share their unseen parameter.

    Arguments:
        observed: What the encoder sees, `(N, T, C)`.
        start: First state of the other trajectory, `(N, C)`.
        targets: Its following states, `(N, H, C)`; H is the number of recurrent steps.
    """

    observed: Tensor
    start: Tensor
    targets: Tensor


class DynamicsModel(EnergyModel[DynamicsBatch]):
    r"""Propagates a state with a cell and a latent: :math:`s_{t+1} = f(s_t, z)`, z = encoder.

    With a time step :math:`\Delta` the cell gives the mean rate of change instead,
    :math:`s_{t+1} = s_t + \Delta f(s_t, z)`: where a step changes little, a cell that had to give
    the next state would spend its weights on repeating the present one.

    The latent is divided by twice its root mean square over the training trajectories, so its
    scale, which the data do not fix, is settled; in evaluation the running value is used.

    Arguments:
        encoder: Maps observed trajectories to latents.
        cell: Maps state and latents `(R, N, C + L)` to the next state `(R, N, C)`.
        channel_scale: Typical size of each channel of an observed trajectory, `(C,)`; the
            encoder sees channels in this unit.
        state_limit: While training, predicted states are clamped to this size, so that a
            replica that explodes still has a useful gradient; positive, in units of the data.
        time_step: :math:`\Delta`, positive, in the data's unit of time; None for a cell that gives
            the next state.
    """

    channel_scale: Tensor
    latent_scale: Tensor

    def __init__(
        self,
        encoder: TrajectoryEncoder,
        cell: FunctionModel,
        channel_scale: Tensor,
        state_limit: float,
        time_step: float | None = None,
    ) -> None:
        super().__init__(cell.replicas)
        self.encoder, self.cell = encoder, cell
        self.state_limit, self.time_step = state_limit, time_step
        self.register_buffer("channel_scale", channel_scale.clone())
        self.register_buffer("latent_scale", channel_scale.new_ones(cell.replicas, 1, 1))

    def encode(self, observed: Tensor) -> Tensor:
        """Latents `(R, N, L)` of observed trajectories `(N, T, C)`."""
        latents: Tensor = self.encoder(observed / self.channel_scale)
        if self.training:
            scale = 2 * latents.square().mean((1, 2), keepdim=True).sqrt().clamp(min=1e-6)
            with torch.no_grad():
                self.latent_scale.copy_(torch.where(scale.isfinite(), scale, self.latent_scale))
            return latents / scale
        return latents / self.latent_scale

    @torch.no_grad()
    def shift_latents_(self, replica: int, offset: float) -> None:
        """Add an offset to the latents, as they are in evaluation, of one replica, in place."""
        bias = self.encoder.head.bias
        bias[replica] += offset * self.latent_scale[replica, 0, 0]

    def roll_out(
        self, start: Tensor, latents: Tensor, steps: int, *, generator: Generator | None = None
    ) -> Tensor:
        """States after 1 to `steps` steps, `(R, N, steps, C)`.

        Arguments:
            start: First states, `(N, C)`.
            latents: `(R, N, L)`.
            steps: How many steps, at least 1.
            generator: Feeds the cell's relaxed choices, drawn once for the whole roll-out.
        """
        cell = self.cell.draw(generator=generator)
        state = start.expand(self.replicas, *start.shape)
        states = []
        for _ in range(steps):  # recurrence: each step needs the one before
            state = self.advanced(state, cell(torch.cat([state, latents], dim=2)))
            if self.training:
                state = state.clamp(-self.state_limit, self.state_limit)
            states.append(state)
        return torch.stack(states, dim=2)

    def advanced(self, states: Tensor, outputs: Tensor) -> Tensor:
        """The next states, given what the cell makes of the present ones, `(*, C)`."""
        return outputs if self.time_step is None else states + self.time_step * outputs

    def wanted(self, states: Tensor, following: Tensor) -> Tensor:
        """What the cell should make of states so that the given ones follow, `(*, C)`."""
        return following if self.time_step is None else (following - states) / self.time_step

    def energy(self, batch: DynamicsBatch, *, generator: Generator | None = None) -> Energy:
        """Mean squared error over trajectories, steps and channels, plus the cell's structure."""
        latents = self.encode(batch.observed)
        steps = batch.targets.shape[1]
        states = self.roll_out(batch.start, latents, steps, generator=generator)
        return Energy((states - batch.targets).square().mean((1, 2, 3)), self.cell.structure())

    def replica_state(self) -> dict[str, Tensor]:
        """The scale of the latents, besides what encoder and cell have."""
        return super().replica_state() | {"latent_scale": self.latent_scale}

    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        """Prune the cell; the encoder stays dense."""
        self.cell.prune(threshold, which)
