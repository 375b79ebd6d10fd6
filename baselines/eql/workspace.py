"""Tensors side by side in one, so that what they hold is copied at once."""

import math

from torch import Tensor

__all__ = ["Workspace"]

_ALIGNMENT = 16
"""Entries by which a tensor's start is a multiple, for wide loads."""


class Workspace:
    """Gives out tensors of zeros, until `save` and `restore` copy what they hold.

    Arguments:
        like: A tensor of the dtype and device to work in.
        capacity: How many entries are to be given out at most, with some to spare.
        pieces: How many tensors at most.
    """

    def __init__(self, like: Tensor, capacity: int, pieces: int) -> None:
        self._entries = like.new_zeros(capacity + _ALIGNMENT * pieces)
        self._used = 0

    def take(self, *shape: int) -> Tensor:
        """A tensor of zeros."""
        start, count = self._used, math.prod(shape)
        self._used = start + -(-count // _ALIGNMENT) * _ALIGNMENT
        return self._entries[start : start + count].view(shape)

    def save(self) -> Tensor:
        """What all tensors hold."""
        return self._entries[: self._used].clone()

    def restore(self, saved: Tensor) -> None:
        """Have all tensors hold what they held."""
        self._entries[: self._used].copy_(saved)
