"""What tells the behaviours of programs apart: keys that a factor or a shift does not change."""

import torch
from torch import Tensor

__all__ = ["Keys"]

_RESOLUTION = 2.0**26
"""Steps per unit of a projection of a behaviour of length 1: those closer than about 1e-8 in all
projections count as the same, which rounding errors of programs are far below."""
_GOLDEN = (5**0.5 - 1) / 2


class Keys:
    r"""Whole numbers that two behaviours share if they are multiples of each other.

    .. math:: \operatorname{round}\big(\rho\,(\pm f/\lVert f\rVert)\cdot h_k\big), \quad k=1,2

    with fixed irregular directions :math:`h_k` and the sign that makes the first projection
    positive.

    Arguments:
        rows: N, the number of rows of a behaviour, at least 1.
    """

    def __init__(self, rows: int) -> None:
        steps = torch.arange(1, rows + 1, dtype=torch.float64)
        waves = torch.stack([steps * _GOLDEN, steps.square() * _GOLDEN / 2], 1)  # (N, 2)
        self._directions = torch.cos(2 * torch.pi * (waves + waves.square()))
        self._directions /= self._directions.norm(dim=0)

    def __call__(self, values: Tensor, *, shifts: bool) -> Tensor:
        """The keys `(K,)` of behaviours `(K, N)` that are finite and not constant.

        Arguments:
            values: The behaviours.
            shifts: Whether behaviours that differ by a constant besides a factor count as one.
        """
        if shifts:
            values = values - values.mean(1, keepdim=True)
        parts = (values @ self._directions) / values.norm(dim=1, keepdim=True)  # (K, 2)
        parts = torch.round(parts * torch.sign(parts[:, :1]) * _RESOLUTION).long()
        return parts[:, 0] * 2**32 + parts[:, 1]
