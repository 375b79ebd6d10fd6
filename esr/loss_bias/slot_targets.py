"""What a slot's output should be so that the root meets the data, and how well outputs do."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import DataError
from esr.spelling import HeapTree

__all__ = ["OutputBank", "SlotTargets", "slot_targets"]


@dataclass(frozen=True)
class SlotTargets:
    r"""The mean squared error as a quadratic function of one slot's outputs :math:`F`.

    .. math:: E(F) = \sum_n w_n (t_n - F_n)^2
              = \sum_n w_n t_n^2 - 2 (w \circ t) \cdot F + w \cdot F^2

    Arguments:
        weights: :math:`w`, at least 0, shape `(*, N)`.
        weighted: :math:`w \circ t`, shape `(*, N)`.
        offset: :math:`\sum w t^2`, shape `(*)`.
    """

    weights: Tensor
    weighted: Tensor
    offset: Tensor

    def at(self, rows: Tensor, slots: Tensor) -> "SlotTargets":
        """Those of some slots, from those of all slots `(R, M, N)`.

        Arguments:
            rows: The replica of each slot wanted, shape `(K,)`, long.
            slots: The slots, shape `(K,)`, long.
        Returns:
            Shapes `(K, N)` and `(K,)`.
        """
        return SlotTargets(
            self.weights[rows, slots], self.weighted[rows, slots], self.offset[rows, slots]
        )

    def energies(self, outputs: Tensor) -> Tensor:
        """The quadratic error of one candidate for each slot.

        Arguments:
            outputs: Shape `(*, N)`.
        Returns:
            Shape `(*)`; infinite where an output is not finite.
        """
        products = outputs * (self.weights * outputs - 2 * self.weighted)
        return _undefined_as_infinite(self.offset + products.sum(-1), outputs)


class OutputBank:
    """Outputs of K candidates on the data, such as of stored programs, with their squares.

    Arguments:
        outputs: Shape `(K, N)`.
    Raises:
        DataError: If the shape is another.
    """

    def __init__(self, outputs: Tensor) -> None:
        if outputs.dim() != 2:
            raise DataError(f"outputs must have shape (K, N), but have {tuple(outputs.shape)}")
        self._undefined = (~outputs.isfinite().all(1)).nonzero()[:, 0]
        self.outputs = outputs.index_fill(0, self._undefined, 0)
        squares, ones = self.outputs.square(), outputs.new_ones(len(outputs), 1)
        self._factors = torch.cat([squares, -2 * self.outputs, ones], 1).T  # (2 N + 1, K)

    def energies(self, targets: SlotTargets) -> Tensor:
        """The quadratic error of every candidate in every slot, by the two matrix products.

        They are taken as one, of the weights and weighted targets side by side. The result is a
        difference of larger numbers, so that errors below about the type's rounding times the
        offset are noise.

        Arguments:
            targets: Shapes `(*, N)` and `(*)`, of the outputs' type.
        Returns:
            Shape `(*, K)`; infinite for candidates that have an output that is not finite.
        """
        joined = torch.cat([targets.weights, targets.weighted, targets.offset[..., None]], -1)
        return (joined @ self._factors).index_fill_(-1, self._undefined, torch.inf)


def slot_targets(tree: HeapTree, symbols: Tensor, values: Tensor, targets: Tensor) -> SlotTargets:
    r"""The Gauss-Newton model of the mean squared error in each slot's outputs.

    With the root's output :math:`\hat y`, the slot's output :math:`v` and
    :math:`d = \partial \hat y / \partial v`,

    .. math:: w = d^2 / N, \qquad t = v + (y - \hat y) / d,

    so that the root is taken as linear in the slot. Where it is, the model is exact; in general
    its value and its slope are those of the error at the present output. Only
    :math:`w t = d (d v + y - \hat y) / N` is formed, so that :math:`d` may be 0.

    Arguments:
        tree: The layout.
        symbols: Hard trees, shape `(R, M)`.
        values: What `tree.slot_values` gave, shape `(R, M, N)`.
        targets: :math:`y`, shape `(N,)`.
    Returns:
        Shapes `(R, M, N)` and `(R, M)`. The root's target is :math:`y` whatever stands there
        now; for other slots, samples on which something is not finite have weight 0. Slots that
        are not read have weight 0 throughout.
    Source: the Gauss-Newton approximation, Nocedal and Wright (2006), Numerical Optimization,
        section 10.3.
    """
    slopes = tree.slot_slopes(symbols, values)
    wanted = slopes * values + (targets - values[:, :1])  # d t
    wanted[:, 0] = targets
    slopes[:, 0] = 1
    sound = wanted.isfinite() & slopes.isfinite() & tree.read(symbols)[..., None]
    slopes, wanted = torch.where(sound, slopes, 0), torch.where(sound, wanted, 0)
    scale = 1 / len(targets)
    return SlotTargets(slopes.square() * scale, slopes * wanted * scale, wanted.square().mean(-1))


def _undefined_as_infinite(energies: Tensor, outputs: Tensor) -> Tensor:
    """The energies, infinite where an output of the candidate is not finite."""
    return energies.masked_fill(~outputs.isfinite().all(-1), torch.inf)
