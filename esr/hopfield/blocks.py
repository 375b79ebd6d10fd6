"""Symmetric couplings Q between slots as structured blocks, each with its own quick product.

A block stands for a part of Q and adds its product with states to a field. Matrices couple the
neurons of one slot, rows, with those of another, columns. Nothing here is ever of size n x n.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

__all__ = ["AllPairsBlock", "Block", "DenseBlock", "EdgeBlock", "ExplicitBlock", "OffsetBlock"]


class Block(nn.Module, ABC):
    """A part of the symmetric matrix Q, kept in the form its structure allows."""

    @abstractmethod
    def add_product(self, states: Tensor, field: Tensor) -> None:
        """Add Q V to a field in place; both `(R, G, S)`."""

    @abstractmethod
    def edges(self) -> tuple[Tensor, Tensor] | None:
        """Slots joined, `(E, 2)` with first <= second, and their matrix `(S, S)`; None for a
        block that is not one matrix on many edges."""

    @abstractmethod
    def entries(self) -> tuple[Tensor, Tensor]:
        """Neurons `(n, 2)`, first <= second, and their entries of Q, `(n,)`."""


class _MatrixBlock(Block):
    """A block of one matrix M: neurons of the edge's first slot against those of its second."""

    matrix: Tensor

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)

    @abstractmethod
    def _joined(self) -> Tensor:
        """The edges, `(E, 2)`."""

    def edges(self) -> tuple[Tensor, Tensor]:
        """The edges and the matrix they share."""
        return self._joined(), self.matrix

    def entries(self) -> tuple[Tensor, Tensor]:
        """The matrix repeated on all edges; on an edge of a slot with itself, its upper half."""
        symbols = len(self.matrix)
        edges = self._joined()
        rows, columns = self.matrix.nonzero().unbind(1)  # (n,)
        first = edges[:, :1] * symbols + rows  # (E, n)
        second = edges[:, 1:] * symbols + columns
        keep = first <= second
        values = self.matrix[rows, columns].expand(first.shape)
        return torch.stack([first[keep], second[keep]], 1), values[keep]


class EdgeBlock(_MatrixBlock):
    """One matrix on any edges between slots: trees, graphs, tables.

    Arguments:
        joined: Slots `(E, 2)`, the first not above the second; integers; all
            join a slot with itself, or none does.
        matrix: Entries of Q, `(S, S)`; symmetric if the edges join slots with themselves.
    """

    joined: Tensor

    def __init__(self, joined: Tensor, matrix: Tensor) -> None:
        super().__init__(matrix)
        self.register_buffer("joined", joined)
        self._within = bool((joined[:, 0] == joined[:, 1]).all())

    def add_product(self, states: Tensor, field: Tensor) -> None:
        """Gathers both ends of all edges, multiplies once each way, and adds up."""
        first, second = self.joined.unbind(1)
        field.index_add_(1, first, states[:, second] @ self.matrix.T)
        if not self._within:
            field.index_add_(1, second, states[:, first] @ self.matrix)

    def _joined(self) -> Tensor:
        return self.joined


class OffsetBlock(_MatrixBlock):
    """One matrix between slots a fixed distance apart, for a range of first slots.

    Arguments:
        start: First of the first slots.
        count: How many there are, at least 1.
        distance: From the first to the second slot; 0 couples slots with themselves, by a
            symmetric matrix.
        matrix: Entries of Q, `(S, S)`.
    """

    def __init__(self, start: int, count: int, distance: int, matrix: Tensor) -> None:
        super().__init__(matrix)
        self.start, self.count, self.distance = start, count, distance

    def add_product(self, states: Tensor, field: Tensor) -> None:
        """Two products of slices, or one within slots."""
        first = slice(self.start, self.start + self.count)
        second = slice(first.start + self.distance, first.stop + self.distance)
        field[:, first] += states[:, second] @ self.matrix.T
        if self.distance:
            field[:, second] += states[:, first] @ self.matrix

    def _joined(self) -> Tensor:
        first = torch.arange(self.start, self.start + self.count, device=self.matrix.device)
        return torch.stack([first, first + self.distance], 1)


class AllPairsBlock(_MatrixBlock):
    """One matrix between every two slots, lower slot first: sums take the place of G^2 products.

    Arguments:
        slots: Number of slots G.
        matrix: Entries of Q, `(S, S)`, for slots g < h.
    """

    def __init__(self, slots: int, matrix: Tensor) -> None:
        super().__init__(matrix)
        self.slots = slots

    def add_product(self, states: Tensor, field: Tensor) -> None:
        """Products with the sums over all later and all earlier slots."""
        before = states.cumsum(1) - states  # (R, G, S): the slots before each
        after = states.sum(1, keepdim=True) - before - states
        field += after @ self.matrix.T
        field += before @ self.matrix

    def _joined(self) -> Tensor:
        return torch.combinations(torch.arange(self.slots, device=self.matrix.device), 2)


class ExplicitBlock(Block):
    """Entries of Q one by one.

    Arguments:
        neurons: Neurons `(n, 2)`, the first not above the second; integers.
        values: Entries of Q, `(n,)`.
    """

    neurons: Tensor
    values: Tensor

    def __init__(self, neurons: Tensor, values: Tensor) -> None:
        super().__init__()
        self.register_buffer("neurons", neurons)
        self.register_buffer("values", values)

    def add_product(self, states: Tensor, field: Tensor) -> None:
        """Gathers and adds entry by entry, all replicas at once."""
        first, second = self.neurons.unbind(1)
        flat, out = states.flatten(1), field.view(len(field), -1)
        out.index_add_(1, first, flat[:, second] * self.values)
        mirrored = self.values * (first != second)
        out.index_add_(1, second, flat[:, first] * mirrored)

    def edges(self) -> None:
        """No edges: the entries differ."""
        return None

    def entries(self) -> tuple[Tensor, Tensor]:
        """The entries as given."""
        return self.neurons, self.values


class DenseBlock(Block):
    """All of Q written out: fastest where neurons are few.

    Arguments:
        matrix: Q, symmetric, `(n, n)`.
    """

    matrix: Tensor

    def __init__(self, matrix: Tensor) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)

    def add_product(self, states: Tensor, field: Tensor) -> None:
        """One matrix product."""
        field.view(len(field), -1).addmm_(states.flatten(1), self.matrix)

    def edges(self) -> None:
        """No edges: the matrix is not taken apart."""
        return None

    def entries(self) -> tuple[Tensor, Tensor]:
        """Those of the upper half that are not zero."""
        upper = self.matrix.triu()
        neurons = upper.nonzero()
        return neurons, upper[neurons[:, 0], neurons[:, 1]]
