"""Episodes: several functions at once, each with points to adapt to and points to be judged by."""

from typing import NamedTuple

import torch

from esr.models import Batch

__all__ = ["Episodes", "tiled"]


class Episodes(NamedTuple):
    """K learning problems, each in two parts.

    Arguments:
        support: What an adaptation sees: inputs `(K, N, D)`, targets `(K, N, O)`.
        query: What it is judged by: inputs `(K, M, D)`, targets `(K, M, O)`.
    """

    support: Batch
    query: Batch

    @property
    def functions(self) -> int:
        """The number of functions K."""
        return self.support.inputs.shape[0]

    def joined(self) -> Batch:
        """Support and query points of each function: `(K, N + M, D)` and `(K, N + M, O)`."""
        pairs = zip(self.support, self.query, strict=True)
        return Batch(*(torch.cat(pair, dim=1) for pair in pairs))

    def pooled(self) -> Batch:
        """All points of all functions: `(K * (N + M), D)` and `(K * (N + M), O)`."""
        return Batch(*(tensor.flatten(0, 1) for tensor in self.joined()))


def tiled(batch: Batch, replicas: int) -> Batch:
    """The same points for K copies of each of R replicas, in the order of `repeated`.

    Arguments:
        batch: Inputs `(K, N, D)` and targets `(K, N, O)`.
        replicas: Number of replicas R, at least 1.
    Returns:
        Inputs `(R K, N, D)` and targets `(R K, N, O)`.
    """
    if replicas == 1:
        return batch
    return Batch(*(tensor.repeat(replicas, 1, 1) for tensor in batch))
