"""The energy of programs: their misfit, with a free scale and shift, and their size."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.search.chains.alphabet import Alphabet
from esr.search.chains.heap import Programs

__all__ = ["Energy", "Fits"]

_FORM_NODES = 0, 2, 2, 4
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

    def at(self, rows: Tensor) -> "Fits":
        """Those of some rows, by index or by a mask."""
        return Fits(self.energy[rows], self.scale[rows], self.shift[rows], self.error[rows])

    def clone(self) -> "Fits":
        """A copy."""
        return Fits(
            self.energy.clone(), self.scale.clone(), self.shift.clone(), self.error.clone()
        )

    def put_(self, rows: Tensor, others: "Fits") -> None:
        """Replace some rows."""
        self.energy[rows], self.scale[rows] = others.energy, others.scale
        self.shift[rows], self.error[rows] = others.shift, others.error

    @staticmethod
    def joined(parts: "list[Fits]") -> "Fits":
        """One batch after another."""
        return Fits(
            torch.cat([part.energy for part in parts]),
            torch.cat([part.scale for part in parts]),
            torch.cat([part.shift for part in parts]),
            torch.cat([part.error for part in parts]),
        )


class Energy:
    r"""Nats per row that a program and what it leaves unexplained take.

    .. math:: E = \tfrac12 \ln\Big(\frac{\sum_n w_n (y_n - a f_n - b)^2}
              {\sum_n w_n (y_n - \bar y)^2} + \epsilon\Big) + \lambda C

    with C the number of nodes written out, frame included. Of the frames (1, 0), (a, 0), (1, b)
    and (a, b), each by least squares, the one of the lowest energy counts.

    Arguments:
        alphabet: The symbols.
        targets: G targets that programs may aim at, `(G, N)`.
        weights: Importance of the rows, `(N,)`.
        node: :math:`\lambda`, at least 0.
    """

    def __init__(self, alphabet: Alphabet, targets: Tensor, weights: Tensor, node: float) -> None:
        self.alphabet, self.targets, self.node = alphabet, targets, node
        weights = weights.double() / weights.double().sum()
        self._weights, self._means = weights, targets.double() @ weights
        self._centred = targets.double() - self._means[:, None]
        spreads, squares = (each.square() @ weights for each in (self._centred, targets.double()))
        self._spreads = torch.where(spreads > 1e-24 * squares, spreads, squares + 1e-300)
        self.weights, self.spreads = weights.to(targets), self._spreads.to(targets)

    def sizes(self, programs: Programs) -> Tensor:
        """Nodes of programs written out, `(B,)`."""
        symbols = programs.symbols
        scaled = (programs.gains != 1) & (symbols != self.alphabet.number) & (symbols > 0)
        return self.alphabet.costs[symbols].sum(1) + 2 * scaled.sum(1)

    def fits(self, outputs: Tensor, sizes: Tensor, groups: Tensor) -> Fits:
        """The best frames of programs and their energies.

        Arguments:
            outputs: What programs give without a frame, `(B, N)`.
            sizes: Their nodes, `(B,)`.
            groups: Which target each aims at, `(B,)`.
        """
        targets, means, spread = self._centred[groups], self._means[groups], self._spreads[groups]
        rounding = torch.finfo(outputs.dtype).eps ** 2
        outputs = outputs.double()  # sums of squares cancel
        average = outputs @ self._weights
        centred = outputs - average[:, None]
        weighted = centred * self._weights
        within = (weighted * centred).sum(1)
        common = (weighted * targets).sum(1)
        one, zero = torch.ones_like(average), torch.zeros_like(average)
        slope = common / within
        ratio = (common + average * means) / (within + average.square())
        scales = torch.stack([one, ratio, one, slope], 1)
        shifts = torch.stack([zero, zero, means - average, means - slope * average], 1)
        missed = means[:, None] - scales * average[:, None] - shifts
        errors = (
            scales.square() * within[:, None]
            - 2 * scales * common[:, None]
            + spread[:, None]
            + missed.square()
        )
        # differences of large numbers are no better than their rounding
        square = scales.square() * (within + average.square())[:, None] + spread[:, None]
        rounding = max(rounding, torch.finfo(errors.dtype).eps)
        errors = (errors.clamp(min=0) + rounding * square) / spread[:, None]
        energies = 0.5 * errors.log() + self.node * (
            sizes[:, None] + sizes.new_tensor(_FORM_NODES)
        )
        useless = ~errors.isfinite() | (scales == 0) | ~scales.isfinite() | ~shifts.isfinite()
        energies = energies.masked_fill(useless, math.inf)
        best = energies.argmin(1, keepdim=True)
        return Fits(*(every.gather(1, best)[:, 0] for every in (energies, scales, shifts, errors)))
