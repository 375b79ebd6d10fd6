"""One learned tensor for each replica."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

from esr.models import ReplicaModule

__all__ = ["Drawn", "Draws"]

Draws = Callable[[int, Generator | None], Tensor]
"""Draws a parameter for a number of replicas, `(R, *)`, on the generator's device."""


class Drawn(ReplicaModule):
    """One learned tensor for each replica.

    Arguments:
        draw: Draws its initial values; draws that are always the same are allowed.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw; its device is where the tensor is made.
    """

    def __init__(self, draw: Draws, replicas: int, *, generator: Generator | None = None) -> None:
        super().__init__()
        self._draw = draw
        self.value = nn.Parameter(draw(replicas, generator))

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Draw all replicas anew and keep those asked for."""
        with torch.no_grad():
            fresh = self._draw(len(self.value), generator).to(self.value)
            chosen = which.view(-1, *(1,) * (self.value.dim() - 1))
            self.value.copy_(torch.where(chosen, fresh, self.value))
