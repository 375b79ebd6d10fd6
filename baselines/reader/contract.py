"""Contracts between what reads weights, what writes tokens, and what decodes."""

from typing import NamedTuple, Protocol

from torch import Tensor

__all__ = ["Prefixes", "ReadingBatch", "Writer"]


class ReadingBatch(NamedTuple):
    """Networks and the equations they represent.

    Arguments:
        weights: Weights of B networks, `(B, P)`.
        tokens: Their equations as tokens with end and padding, int64 `(B, T)`.
        numbers: The equations' numbers in units, `(B, S)`, zero where there is none.
    """

    weights: Tensor
    tokens: Tensor
    numbers: Tensor


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
