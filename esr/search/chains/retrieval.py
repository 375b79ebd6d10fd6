"""Retrieval at a slot: many stored programs are scored there at once, with a free frame."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.loss_bias import SlotTargets
from esr.search.chains.draws import Draws
from esr.search.chains.patterns import Patterns

__all__ = ["Choice", "Retrieval", "taken", "times", "without"]

_LOOKS, _FEWEST = 300_000, 256
"""Patterns that are looked at in a draw, all slots together, and at least for each slot."""
_SHORTLIST = 24
"""Patterns that the draw for a slot is from."""
_MOST_LEVELS = 32
"""More than any heap has."""


@dataclass(frozen=True)
class Choice:
    """Patterns retrieved for some slots.

    Arguments:
        rows: Which slot each is for, `(C,)`.
        items: The patterns, `(C,)`.
        gains: What they are multiplied by, `(C,)`.
        shifts: What is added, `(C,)`.
    """

    rows: Tensor
    items: Tensor
    gains: Tensor
    shifts: Tensor


class Retrieval:
    r"""Modern Hopfield retrieval with the loss's curvature for a metric.

    With a slot's target t and weights w, a pattern F has the energy
    :math:`\sum_n w_n (t_n - a F_n - b)^2`; the frames (1, 0), (a, 0) and (a, b) of least squares
    follow from the three products of w with F and :math:`F^2` and of :math:`w t` with F, for all
    patterns and slots. Of the best patterns some are drawn by Boltzmann's weights: the softmax
    cut off where it is negligible at low temperatures, a narrower choice at high ones.

    Arguments:
        patterns: The memory.
        node: Energy of a node.
        curvature: Whether the energy is quadratic in F; otherwise its first order alone,
            :math:`-dL/dV \cdot F`, which prefers the largest outputs.
    """

    def __init__(self, patterns: Patterns, node: float, *, curvature: bool = True) -> None:
        self._patterns, self._node, self._curvature = patterns, node, curvature
        self.refresh()

    def refresh(self) -> None:
        """Take over what the patterns are now."""
        costs = (2 * self._node * self._patterns.sizes).to(self._patterns.units).exp()
        levels = torch.arange(_MOST_LEVELS, device=costs.device)[:, None]
        self._costs = torch.where(self._patterns.heights > levels, math.inf, costs)
        """Factor of each pattern where it may take so many levels, `(L, K)`."""

    def draw(
        self,
        aims: SlotTargets,
        present: Tensor,
        forms: Tensor,
        room: Tensor,
        temperatures: Tensor,
        count: int,
        draws: Draws,
    ) -> Choice:
        """Draw some patterns for each slot.

        Arguments:
            aims: What B slots should be worth, in units of the target's variance.
            present: What they are worth, `(B, N)`.
            forms: Which frames may be used, `(B, 3)`.
            room: Levels that a pattern with each frame may take, `(B, 3)`.
            temperatures: Shape `(B,)`.
            count: How many for each slot.
            draws: Where draws come from.
        """
        looks = max(_FEWEST, _LOOKS // max(1, len(present)))
        window = draws.order(len(self._patterns))[:looks]
        keys, form = self._keys(aims, present, forms, room, window)
        shortlist = min(_SHORTLIST, len(window))
        best, places = keys.topk(shortlist, dim=1, largest=False)
        noise = -(-draws.uniform(*best.shape).clamp(min=1e-300).log()).log()
        drawn = noise * temperatures[:, None] - 0.5 * best.double().log()
        drawn, chosen = drawn.topk(min(count, shortlist), dim=1)
        rows, place = (drawn > -math.inf).nonzero(as_tuple=True)
        places = places[rows, chosen[rows, place]]
        items = window[places]
        gains, shifts = self._frames(aims, rows, items, form[rows, places])
        return Choice(rows, items, gains, shifts)

    def _keys(
        self, aims: SlotTargets, present: Tensor, forms: Tensor, room: Tensor, window: Tensor
    ) -> tuple[Tensor, Tensor]:
        """:math:`e^{2E}` of patterns with the best frame, and the frame, each `(B, K)`."""
        units, norms = self._patterns.units[window], self._patterns.norms[window]
        costs_of = self._costs[:, window]
        w, wt, offset = aims.weights, aims.weighted, aims.offset[:, None]
        smallest = 1e-6 * offset + 1e-12
        first = wt @ units.T
        open_forms = torch.where(forms, 0.0, math.inf).to(w)
        if not self._curvature:
            slope = wt - w * present.nan_to_num(0.0, 0.0, 0.0)
            errors = (slope @ units.T).mul_(-2 * norms).add_(offset)
            best = torch.maximum(errors, smallest).mul_(costs_of[room[:, 0]])
            return best, torch.zeros_like(best, dtype=torch.long)
        second, mean = w @ units.square().T, w @ units.T
        total, wanted = w.sum(1, keepdim=True), wt.sum(1, keepdim=True)
        plain = torch.addcmul(offset, norms.square(), second).addcmul_(norms, first, value=-2)
        scaled = torch.addcdiv(offset, first.square(), second, value=-1)
        within = second.mul_(1 + 1e-6).addcdiv_(mean.square(), total, value=-1)
        common = first.addcmul_(mean, wanted / total, value=-1)
        framed = torch.addcdiv(
            offset - wanted.square() / total, common.square_(), within, value=-1
        )
        node = math.exp(2 * self._node)
        costs = costs_of[room[:, 1]]
        best = torch.maximum(plain, smallest).add_(open_forms[:, :1]).mul_(costs)
        form = torch.zeros_like(best, dtype=torch.long)
        other = torch.maximum(scaled, smallest).add_(open_forms[:, 1:2]).mul_(costs * node**2)
        form.masked_fill_(other < best, 1)
        best = torch.fmin(best, other)
        costs = costs_of[room[:, 2]]
        other = torch.maximum(framed, smallest).add_(open_forms[:, 2:]).mul_(costs * node**4)
        form.masked_fill_(other < best, 2)
        return torch.fmin(best, other).nan_to_num_(math.inf, math.inf), form

    def _frames(
        self, aims: SlotTargets, rows: Tensor, items: Tensor, form: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gain and shift of chosen patterns, each `(C,)`."""
        units, norms = self._patterns.units[items], self._patterns.norms[items]
        w, wt = aims.weights[rows], aims.weighted[rows]
        total, mean = w.sum(1), (w * units).sum(1)
        second, first = (w * units.square()).sum(1), (wt * units).sum(1)
        wanted = wt.sum(1)
        within = (w * (units - (mean / total)[:, None]).square()).sum(1)
        slope = (first - mean * wanted / total) / within
        shift = (wanted - slope * mean) / total
        one, zero = torch.ones_like(slope), torch.zeros_like(slope)
        gains = torch.stack([one, first / second / norms, slope / norms], 1)
        shifts = torch.stack([zero, zero, shift], 1)
        gains = gains.gather(1, form[:, None])[:, 0]
        shifts = shifts.gather(1, form[:, None])[:, 0]
        return (
            torch.where(gains.isfinite() & (gains != 0), gains, 1.0),
            shifts.nan_to_num(0.0, 0.0, 0.0),
        )


def without(aims: SlotTargets, values: Tensor) -> SlotTargets:
    """What is wanted beside a term that is there already.

    Arguments:
        aims: Of B slots.
        values: The term, `(B, N)`; samples where it is not finite do not count.
    """
    values, aims = _finite(aims, values)
    weighted = aims.weighted - aims.weights * values
    offset = aims.offset - (values * (aims.weighted + weighted)).sum(1)
    return SlotTargets(aims.weights, weighted, offset.clamp(min=0))


def times(aims: SlotTargets, values: Tensor) -> SlotTargets:
    """What is wanted as the other factor of a product.

    Arguments:
        aims: Of B slots.
        values: The factor that is there, `(B, N)`; samples where it is not finite do not count.
    """
    values, aims = _finite(aims, values)
    return SlotTargets(aims.weights * values.square(), aims.weighted * values, aims.offset)


def _finite(aims: SlotTargets, values: Tensor) -> tuple[Tensor, SlotTargets]:
    sound = values.isfinite() & (values.abs() < 1e9)
    return torch.where(sound, values, 0), SlotTargets(
        torch.where(sound, aims.weights, 0), torch.where(sound, aims.weighted, 0), aims.offset
    )


def taken(aims: SlotTargets, rows: Tensor) -> SlotTargets:
    """What is wanted of some rows of B slots."""
    return SlotTargets(aims.weights[rows], aims.weighted[rows], aims.offset[rows])
