"""What one slot of each program should be worth, so that the root meets the target."""

import torch
from torch import Tensor

from esr.loss_bias import SlotTargets
from esr.search.chains.descent import Descent, Edges, partial
from esr.search.chains.heap import Programs
from esr.search.chains.inverses import wanted_argument
from esr.search.chains.landscape import Landscape

__all__ = ["aims"]

_LINEAR = "add", "sub", "mul"
"""Functions whose slope does not depend on the argument that is looked for."""
_LONGEST = 1e3
"""Longest step of a linearised target, relative to the present value."""


def aims(
    landscape: Landscape, programs: Programs, slots: Tensor, frames: Tensor, groups: Tensor
) -> tuple[SlotTargets, Tensor]:
    r"""The weighted squared error of the root as a quadratic function of one slot's values.

    From the root down the target is inverted, exactly where a function has an inverse:
    :math:`t_c = f^{-1}(t_p)`, with weights :math:`w_c = w_p\, (\partial f / \partial c)^2` taken
    there, so that neither depends on what stands in the slot now. Elsewhere the function is
    taken as linear: :math:`t_c = v_c + (t_p - v_p) / (\partial f/\partial c)`.

    Arguments:
        landscape: The data.
        programs: B trees.
        slots: One slot of each that is not empty, `(B,)`.
        frames: Scale and shift that shall be around each program, `(B, 2)`; at the root they are
            left open, and taken as 1 and 0.
        groups: Which target each aims at, `(B,)`.
    Returns:
        Shapes `(B, N)` and `(B,)`, in units of the target's variance, samples for which nothing
        is wanted with weight 0; and the slots' present values, `(B, N)`.
    """
    energy, tape = landscape.energy, landscape.tape(programs.symbols)
    values = tape.values(programs.gains, landscape.table)
    count, heap = len(programs), tape.heap
    marked = torch.zeros_like(programs.symbols, dtype=torch.bool)
    marked.scatter_(1, slots[:, None], True)
    descent = Descent(tape, marked)
    factors = tape.factors(programs.gains)
    root = slots == 0
    scale, shift = (
        torch.where(root, open_value, each)
        for each, open_value in zip(frames.unbind(1), (1.0, 0.0), strict=True)
    )
    targets = values.new_empty(len(descent.places), values.shape[1])
    slopes = torch.empty_like(targets)
    targets[:count] = (energy.targets[groups] - shift[:, None]) / scale[:, None]
    slopes[:count] = scale[:, None]
    for level in descent.levels():
        factor = factors[level.rows]
        wanted = targets.index_select(0, level.upward).div_(factor)
        value = values.index_select(0, level.rows).div_(factor)
        pair = [values.index_select(0, part[level.rows]) for part in (tape.first, tape.second)]
        torch.mul(slopes.index_select(0, level.upward), factor, out=slopes[level.edges])
        for edges in level.groups:
            arguments = [part[edges.span] for part in pair[: edges.function.arity]]
            found = _below(edges, wanted[edges.span], value[edges.span], arguments)
            targets[level.edges][edges.span] = found[0]
            slopes[level.edges][edges.span] *= found[1]
    places = torch.arange(count, device=slots.device) * heap.slots + slots
    edge = descent.edge[places]
    weights = energy.weights / energy.spreads[groups][:, None]
    slopes, targets = slopes[edge], targets[edge]
    moved = slopes * targets
    sound = moved.isfinite() & slopes.isfinite() & (slopes.abs() < 1e6)
    slopes, moved = torch.where(sound, slopes, 0), torch.where(sound, moved, 0)
    weighted = weights * slopes
    wanted_there = SlotTargets(
        weighted * slopes, weighted * moved, (weights * moved * moved).sum(1)
    )
    return wanted_there, values[tape.row[places]]


def _below(
    edges: Edges, wanted: Tensor, value: Tensor, arguments: list[Tensor]
) -> tuple[Tensor, Tensor | float]:
    """What an argument should be, and the function's slope there.

    Arguments:
        edges: The function and the argument.
        wanted: What the function should be, `(k, N)`.
        value: What it is, `(k, N)`.
        arguments: Of the function, each `(k, N)`.
    """
    function, side = edges.function, edges.side
    present = arguments[side]
    other = arguments[1 - side] if function.arity == 2 else None
    inverse = wanted_argument(function.name, side, wanted, other, present)
    if inverse is not None and function.name in _LINEAR:
        return inverse, partial(function, side, value, arguments)
    slope = partial(function, side, value, arguments)
    reach = _LONGEST * (1 + present.abs())
    linear = present + ((wanted - value) / slope).clamp(min=-reach, max=reach)
    if inverse is None:
        return linear, slope
    found = inverse.isfinite()
    target = torch.where(found, inverse, linear)
    arguments[side] = target
    there = partial(function, side, torch.where(found, wanted, value), arguments)
    return target, torch.where(found, there, slope)
