"""Copies of a model that share its code and have parameters of their own, handed in as tensors."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Generator, Tensor

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
        self._stage = model.repeated(count).requires_grad_(False)
        modules = [(f"{path}." if path else "", m) for path, m in self._stage.named_modules()]
        self._parameters = [
            (module._parameters, name, prefix + name)
            for prefix, module in modules
            for name, parameter in module._parameters.items()
            if parameter is not None
        ]
        self._buffers = [
            (module._buffers, name, prefix + name)
            for prefix, module in modules
            for name, buffer in module._buffers.items()
            if buffer is not None
        ]
        self._shared = {  # buffers that do not lead with R
            path
            for buffers, name, path in self._buffers
            if _shape(buffers[name]) == model.get_buffer(path).shape and count > 1
        }
        self._repeated: dict[str, tuple[Tensor, int, Tensor]] = {}

    def initial(self) -> Parameters:
        """The model's parameters, each replica's K times, differentiable: `(R K, *)`."""
        return {
            name: _repeated(parameter, self.count)
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
        if self._stage.training != self.model.training:
            self._stage.train(self.model.training)
        with self._acting(parameters):
            return self._stage.energy(tiled(batch, self.model.replicas), generator=generator)

    @contextmanager
    def _acting(self, parameters: Mapping[str, Tensor]) -> Iterator[None]:
        """Have tensors stand for the copies' parameters, and the model's buffers for theirs."""
        for held, name, path in self._buffers:
            held[name] = self._buffer(path)
        own = [held[name] for held, name, _ in self._parameters]
        try:
            for held, name, path in self._parameters:
                held[name] = parameters[path]
            yield
        finally:
            for (held, name, _), parameter in zip(self._parameters, own, strict=True):
                held[name] = parameter

    def _buffer(self, path: str) -> Tensor:
        """The model's buffer, repeated anew only if it is another or was written into."""
        buffer = self.model.get_buffer(path)
        if path in self._shared:
            return buffer
        source, version, repeated = self._repeated.get(path, (None, 0, buffer))
        if source is not buffer or version != buffer._version:
            repeated = buffer.repeat_interleave(self.count, 0)
            self._repeated[path] = buffer, buffer._version, repeated
        return repeated


def _repeated(tensor: Tensor, count: int) -> Tensor:
    """Each replica's entries `count` times, side by side; a view if there is one replica."""
    return tensor[:, None].expand(-1, count, *tensor.shape[1:]).flatten(0, 1)


def _shape(buffer: Tensor | None) -> torch.Size | None:
    return None if buffer is None else buffer.shape
