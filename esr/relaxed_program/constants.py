"""The constants of a program: operands' gains and offsets, and the readout's weights."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from esr.models import ReplicaModule
from esr.relaxed_program.couplings import Prices
from esr.relaxed_program.layout import OPERANDS, Layout
from esr.structure import smoothed_l05

__all__ = ["Acting", "Constants"]

_GAIN_SD, _OFFSET_SD, _WEIGHT_SD = 0.2, 0.2, 0.5


class Acting(NamedTuple):
    """Constants in force.

    Arguments:
        gains: Factor on what an operand points at, `(R, M, 2)`.
        offsets: What is added to it, `(R, M, 2)`.
        readout: Weights of inputs, the constant and slots in each output, `(R, O, F)`.
    """

    gains: Tensor
    offsets: Tensor
    readout: Tensor


class Constants(ReplicaModule):
    """Gains, offsets and readout; small offsets and weights can be dropped for good.

    Arguments:
        layout: The program's places.
        outputs: Number of outputs O.
        replicas: Number of replicas R.
        generator: Feeds the draws: gains are normal around 1, the rest around 0.
    """

    offset_mask: Tensor
    readout_mask: Tensor

    def __init__(
        self, layout: Layout, outputs: int, replicas: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self._operands = (replicas, layout.slots, OPERANDS)
        self._weights = (replicas, outputs, layout.sources)
        gains, offsets, readout = self._fresh(generator)
        self.gains, self.offsets = nn.Parameter(gains), nn.Parameter(offsets)
        self.readout = nn.Parameter(readout)
        self.register_buffer("offset_mask", torch.ones_like(offsets))
        self.register_buffer("readout_mask", torch.ones_like(readout))

    def acting(self) -> Acting:
        """The constants without what was dropped."""
        return Acting(
            self.gains, self.offsets * self.offset_mask, self.readout * self.readout_mask
        )

    def price(self, prices: Prices) -> Tensor:
        """Smoothed L0.5 of what was not dropped, `(R,)`."""
        weights = (smoothed_l05(self.readout) * self.readout_mask).flatten(1).sum(1)
        offsets = (smoothed_l05(self.offsets) * self.offset_mask).flatten(1).sum(1)
        return prices.weight * weights + prices.offset * offsets

    @torch.no_grad()
    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        """Drop offsets and weights of at most this size for good, in the replicas where
        `which`, bool `(R,)`, is true, or in all."""
        for values, mask in (
            (self.offsets, self.offset_mask),
            (self.readout, self.readout_mask),
        ):
            keep = mask * (values.abs() > threshold)
            mask.copy_(keep if which is None else torch.where(which[:, None, None], keep, mask))
            values.mul_(mask)

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Draw all replicas anew, keep those asked for, and undo their pruning."""
        chosen = which[:, None, None]
        own = (self.gains, self.offsets, self.readout)
        with torch.no_grad():
            for values, fresh in zip(own, self._fresh(generator), strict=True):
                values.copy_(torch.where(chosen, fresh.to(values), values))
            for mask in (self.offset_mask, self.readout_mask):
                mask.masked_fill_(chosen, 1)

    def repeat_replicas_(self, copies: int) -> None:
        """Have each replica stand `copies` times, side by side."""
        super().repeat_replicas_(copies)
        self._operands = (self._operands[0] * copies, *self._operands[1:])
        self._weights = (self._weights[0] * copies, *self._weights[1:])

    def replica_state(self) -> dict[str, Tensor]:
        """The constants, and which offsets and weights are left."""
        masks = {"offset_mask": self.offset_mask, "readout_mask": self.readout_mask}
        return super().replica_state() | masks

    def _fresh(self, generator: Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        device = generator.device if generator is not None else None
        gains = 1 + _GAIN_SD * torch.randn(self._operands, generator=generator, device=device)
        offsets = _OFFSET_SD * torch.randn(self._operands, generator=generator, device=device)
        readout = _WEIGHT_SD * torch.randn(self._weights, generator=generator, device=device)
        return gains, offsets, readout
