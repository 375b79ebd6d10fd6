"""Symmetric operators that are known by what they do to vectors."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from esr.errors import ConfigurationError, DataError

__all__ = ["CentredOperator", "DenseOperator", "SymmetricOperator", "WeightedSum"]


class SymmetricOperator(Protocol):
    """A real symmetric matrix Q of n rows, given by its products; couplings keep this contract."""

    @property
    def size(self) -> int:
        """Number of rows n."""
        ...

    def apply(self, vectors: Tensor) -> Tensor:
        """The products with each row of `vectors`, `(B, n)` to `(B, n)`, linear and symmetric."""
        ...


class DenseOperator:
    """A symmetric matrix written out.

    Arguments:
        matrix: Shape `(n, n)`, equal to its transpose to rounding.
    Raises:
        DataError: If the matrix is not square or not symmetric.
    """

    def __init__(self, matrix: Tensor) -> None:
        if matrix.dim() != 2 or matrix.shape[0] != matrix.shape[1]:
            raise DataError(
                f"a symmetric matrix is square, but this has shape {tuple(matrix.shape)}"
            )
        if not torch.allclose(matrix, matrix.T):
            raise DataError(
                "the matrix is not symmetric: it differs from its transpose by up to "
                f"{float((matrix - matrix.T).abs().max()):.3g}; pass (matrix + matrix.T) / 2"
            )
        self.matrix = matrix

    @property
    def size(self) -> int:
        """Number of rows n."""
        return self.matrix.shape[0]

    def apply(self, vectors: Tensor) -> Tensor:
        """Products with rows, `(B, n)` to `(B, n)`."""
        return vectors @ self.matrix


class WeightedSum:
    """A sum of operators, each times a number: rules and their weights.

    Arguments:
        operators: Of one size, at least one.
        weights: As many numbers; ones unless given.
    Raises:
        ConfigurationError: If there are no operators, or sizes or numbers differ.
    """

    def __init__(
        self, operators: Sequence[SymmetricOperator], weights: Sequence[float] | None = None
    ) -> None:
        self.operators = tuple(operators)
        self.weights = tuple(weights) if weights is not None else (1.0,) * len(self.operators)
        sizes = {operator.size for operator in self.operators}
        if len(sizes) != 1 or len(self.weights) != len(self.operators):
            raise ConfigurationError(
                "a sum needs operators of one size and as many weights, but got "
                f"{len(self.operators)} operators of sizes {sorted(sizes)} and "
                f"{len(self.weights)} weights"
            )

    @property
    def size(self) -> int:
        """Number of rows n."""
        return self.operators[0].size

    def apply(self, vectors: Tensor) -> Tensor:
        """Products with rows, `(B, n)` to `(B, n)`."""
        total = torch.zeros_like(vectors)
        for operator, weight in zip(self.operators, self.weights, strict=True):
            if weight != 0:
                total.add_(operator.apply(vectors), alpha=weight)
        return total


class CentredOperator:
    r"""An operator as seen by changes that keep the sum of each group: PQP.

    .. math:: (Pv)_i = v_i - \operatorname{mean}_{j \in g(i)} v_j, \quad
              P = 1 - 11^\top/S \text{ per group of } S

    Activations of a one-hot group sum to one however they move, so only this part of Q matters
    for their stability.

    Arguments:
        operator: Q, of size n.
        groups: The group of each unit, integers `(n,)` counted from 0; -1 for a free unit, which
            belongs to none and is left alone.
    Raises:
        DataError: If `groups` is not one integer for each unit, at least -1.
    """

    def __init__(self, operator: SymmetricOperator, groups: Tensor) -> None:
        if groups.shape != (operator.size,) or groups.is_floating_point():
            raise DataError(
                f"groups must be {operator.size} integers, one for each unit, but have shape "
                f"{tuple(groups.shape)} and type {groups.dtype}"
            )
        if groups.numel() and int(groups.min()) < -1:
            raise DataError(f"a group is at least -1 (free), but one is {int(groups.min())}")
        self.operator = operator
        self.groups = groups.long() + 1  # the free units come first
        self.counts = torch.bincount(self.groups).clamp(min=1)

    @property
    def size(self) -> int:
        """Number of rows n."""
        return self.operator.size

    def apply(self, vectors: Tensor) -> Tensor:
        """Products with rows, `(B, n)` to `(B, n)`."""
        return self.centre(self.operator.apply(self.centre(vectors)))

    def centre(self, vectors: Tensor) -> Tensor:
        """P times rows: each group's mean taken off, `(B, n)` to `(B, n)`."""
        sums = vectors.new_zeros(vectors.shape[0], len(self.counts))
        means = sums.index_add_(1, self.groups, vectors) / self.counts
        means[:, 0] = 0
        return vectors - means[:, self.groups]
