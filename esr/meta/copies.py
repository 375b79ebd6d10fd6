"""Copies of a model that share its code and have parameters of their own, handed in as tensors."""

from collections.abc import Mapping

from torch import Generator, Tensor, nn
from torch.func import functional_call

from esr.meta.episodes import tiled
from esr.models import Batch, Energy, FunctionModel

__all__ = ["Copies", "Parameters"]

Parameters = dict[str, Tensor]


class Copies:
    """K copies of each of a model's R replicas: copy k of replica r is copy r K + k.

    The functions they adapt to are a batch dimension like replicas, and ride on it: all copies
    are one tensor program. Pruning masks and the like are the model's own at each call.

    Arguments:
        model: What is copied; every replica's parameters start its K copies.
        count: Number of copies K of each replica, at least 1.
    """

    def __init__(self, model: FunctionModel, count: int) -> None:
        self.model, self.count = model, count
        self._energies = _Energies(model.repeated(count).requires_grad_(False))
        self._shared = {  # buffers that do not lead with R
            name
            for name, buffer in self._energies.model.named_buffers()
            if buffer.shape == model.get_buffer(name).shape and count > 1
        }

    def initial(self) -> Parameters:
        """The model's parameters, each replica's K times, differentiable: `(R K, *)`."""
        return {
            name: parameter.repeat_interleave(self.count, 0)
            for name, parameter in self.model.named_parameters()
        }

    def energy(
        self, parameters: Mapping[str, Tensor], batch: Batch, *, generator: Generator | None
    ) -> Energy:
        """The energy of each copy, `(R K,)`.

        Arguments:
            parameters: As `initial()` has them.
            batch: Inputs `(K, N, D)` and targets `(K, N, O)`, the same for all replicas.
            generator: Feeds relaxed choices in training mode.
        """
        if self._energies.model.training != self.model.training:
            self._energies.train(self.model.training)
        state = {f"model.{name}": tensor for name, tensor in parameters.items()}
        for name, buffer in self.model.named_buffers():
            own = buffer if name in self._shared else buffer.repeat_interleave(self.count, 0)
            state[f"model.{name}"] = own
        data, structure = functional_call(
            self._energies, state, (tiled(batch, self.model.replicas), generator)
        )
        return Energy(data, structure)


class _Energies(nn.Module):
    """A model's energy as the forward of a module, whose tensors can be exchanged."""

    def __init__(self, model: FunctionModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, generator: Generator | None) -> tuple[Tensor, Tensor]:
        energy = self.model.energy(batch, generator=generator)
        return energy.data, energy.structure
