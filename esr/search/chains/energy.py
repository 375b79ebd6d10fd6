"""The energy of programs: their misfit, with a free scale and shift, and their size."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Energy", "Fits"]

_FRAME_NODES = 0, 2, 2, 4
"""Nodes that no frame, a scale, a shift, and both take in an expression."""


@dataclass(frozen=True)
class Fits:
    """How well B programs do, each with the best frame `scale * f + shift` around it.

    Arguments:
        energy: Misfit and size, infinite for a program without finite values, `(B,)`.
        scale: 1 where a free one does not pay, `(B,)`.
        shift: 0 where a free one does not pay, `(B,)`.
        error: Mean squared error relative to the target's variance, `(B,)`.
    """

    energy: Tensor
    scale: Tensor
    shift: Tensor
    error: Tensor

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def frame_nodes(self) -> Tensor:
        """Nodes of the frames written out, `(B,)`."""
        return 2 * ((self.scale != 1).long() + (self.shift != 0))

    def at(self, rows: Tensor) -> "Fits":
        """Those of some rows, by index or by a mask."""
        return Fits(*(each[rows] for each in self._parts()))

    def put_(self, rows: Tensor, others: "Fits") -> None:
        """Replace some rows."""
        for mine, theirs in zip(self._parts(), others._parts(), strict=True):
            mine[rows] = theirs

    def _parts(self) -> tuple[Tensor, ...]:
        return self.energy, self.scale, self.shift, self.error


class Energy:
    r"""Nats per row that a program and what it leaves unexplained take.

    .. math:: E = \tfrac12 \ln\Big(\frac{\sum_n w_n (y_n - a f_n - b)^2}
              {\sum_n w_n (y_n - \bar y)^2}\Big) + \lambda C

    with C the number of nodes written out, frame included. Of the frames (1, 0), (a, 0), (1, b)
    and (a, b), each by least squares, the one of the lowest energy counts.

    Arguments:
        targets: G targets that programs may aim at, `(G, N)`.
        weights: Importance of the rows, `(N,)`.
        node: :math:`\lambda`, at least 0.
        most_nodes: Larger programs have infinite energy.
    """

    def __init__(
        self, targets: Tensor, weights: Tensor, node: float, most_nodes: float = math.inf
    ) -> None:
        self.targets, self.node, self._most_nodes = targets, node, most_nodes
        self.weights = weights / weights.sum()
        """Importance of the rows, adding up to 1, `(N,)`."""
        self._means = targets @ self.weights
        self._centred = targets - self._means[:, None]
        self._variances, squares = (
            each.square() @ self.weights for each in (self._centred, targets)
        )
        varied = self._variances > 1e-24 * squares
        self.spreads = torch.where(varied, self._variances, squares + 1e-300)
        """Variance of each target, or its mean square if it is constant, `(G,)`."""

    def fits(self, outputs: Tensor, sizes: Tensor, groups: Tensor) -> Fits:
        """The best frames of programs and their energies.

        Arguments:
            outputs: What programs give without a frame, `(B, N)`.
            sizes: Their nodes, `(B,)`.
            groups: Which target each aims at, `(B,)`.
        """
        targets, means = self._centred[groups], self._means[groups]
        average = outputs @ self.weights
        centred = outputs - average[:, None]
        weighted = centred * self.weights
        within = (weighted * centred).sum(1)
        common = (weighted * targets).sum(1)
        one, zero = torch.ones_like(average), torch.zeros_like(average)
        slope = common / within
        ratio = (common + average * means) / (within + average.square())
        scales = torch.stack([one, ratio, one, slope], 1)  # (B, 4)
        shifts = torch.stack([zero, zero, means - average, means - slope * average], 1)
        missed = means[:, None] - scales * average[:, None] - shifts
        unexplained = self._variances[groups][:, None] - 2 * scales * common[:, None]
        errors = scales.square() * within[:, None] + unexplained + missed.square()
        # differences of large numbers are no better than their rounding
        spread = self.spreads[groups]
        square = scales.square() * (within + average.square())[:, None] + spread[:, None]
        errors = errors.clamp(min=0) + torch.finfo(errors.dtype).eps * square
        errors = errors / spread[:, None]
        nodes = sizes[:, None] + errors.new_tensor(_FRAME_NODES)
        energies = 0.5 * errors.log() + self.node * nodes
        useless = ~energies.isfinite() | (scales == 0) | (nodes > self._most_nodes)
        energies = energies.masked_fill(useless | ~shifts.isfinite(), math.inf)
        best = energies.argmin(1, keepdim=True)
        return Fits(*(each.gather(1, best)[:, 0] for each in (energies, scales, shifts, errors)))
