"""Contracts between what reads weights, what writes tokens, and what decodes."""

from typing import NamedTuple, Protocol

from torch import Tensor

__all__ = ["Lengths", "Prefixes", "ReadingBatch", "Writer"]


class Lengths(NamedTuple):
    """Means over the equations of a batch, as tensors without dimensions.

    Arguments:
        tokens: How many tokens an equation has, its end counted.
        numbers: How many numbers it has.
    """

    tokens: Tensor
    numbers: Tensor


class ReadingBatch(NamedTuple):
    """Networks and the equations they represent.

    Arguments:
        weights: Weights of B networks, `(B, P)`.
        tokens: Their equations as tokens with end and padding, int64 `(B, T)`.
        numbers: The equations' numbers in units, `(B, S)`, zero where there is none.
        lengths: If these are one of several equal parts of a batch: lengths in the whole batch,
            so that the mean of the parts' energies is its energy.
    """

    weights: Tensor
    tokens: Tensor
    numbers: Tensor
    lengths: Lengths | None = None


class Prefixes(Protocol):
    """Beginnings of equations, one for each of R replicas and B networks, to be gone on with."""

    def scores(self, tokens: Tensor) -> Tensor:
        """Append a token to each beginning and judge what may come next.

        Arguments:
            tokens: int64 `(R, B)`; the start token at first.
        Returns:
            Logarithms of probabilities of the next token, `(R, B, V)`.
        """
        ...

    def picked(self, rows: Tensor) -> "Prefixes":
        """The beginnings of other rows, each as often as named: a beam's survivors.

        Arguments:
            rows: Index of a beginning of the same replica, int64 `(R, B')`.
        """
        ...


class Writer(Protocol):
    """Writes equations for networks, token by token."""

    replicas: int

    def begin(self, weights: Tensor) -> Prefixes:
        """Empty beginnings for networks `(B, P)`."""
        ...
