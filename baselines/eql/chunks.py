"""How many replicas to work on at a time, and working tensors kept for the next time."""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from torch import Tensor

__all__ = ["Kept", "chunks", "parts"]

_KEPT = 4
"""Shapes of batches whose working tensors are kept."""

_WORKING_BYTES = 6 * 2**20
"""What the working tensors of one chunk of replicas should fit into: a processor core's caches."""

ItemT = TypeVar("ItemT")


def chunks(like: Tensor, entries: int) -> list[slice]:
    """The replicas in turn, in as equal chunks as can be whose work fits into the caches.

    Arguments:
        like: A tensor that leads with R, of the dtype and device of the work.
        entries: How many numbers the work on one replica holds.
    """
    replicas, fitting = like.shape[0], like.shape[0]
    if like.device.type == "cpu":
        fitting = max(1, _WORKING_BYTES // (max(1, entries) * like.element_size()))
    size = -(-replicas // -(-replicas // fitting))
    return [slice(start, min(start + size, replicas)) for start in range(0, replicas, size)]


def parts(tensors: Sequence[Tensor], here: slice) -> Sequence[Tensor]:
    """Tensors that lead with R, for some of the replicas."""
    if here.start == 0 and here.stop == tensors[0].shape[0]:
        return tensors
    return [tensor[here] for tensor in tensors]


class Kept(Generic[ItemT]):
    """The last few things made, by what they were made for; neither copies nor pickles have
    any."""

    def __init__(self) -> None:
        self._items: dict[Hashable, ItemT] = {}

    def __getstate__(self) -> dict[str, object]:
        return {"_items": {}}

    def __bool__(self) -> bool:
        return bool(self._items)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._items

    def get(self, key: Hashable, make: Callable[[], ItemT]) -> ItemT:
        """What was made for a key, made now if it is not kept."""
        if key not in self._items:
            if len(self._items) == _KEPT:
                del self._items[next(iter(self._items))]
            self._items[key] = make()
        return self._items[key]
