"""Minimising a smooth function of a few parameters by a quasi-Newton method."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["minimise"]

_DECREASE = 1e-4
_SHORTEST = 1e-6
_LONGEST = 2.0
"""Length of a step in any parameter."""
_FURTHER = 3.0
_SETTLED = 1e-5
"""Decrease, relative to the value and to one, below which the search ends."""


def minimise(
    function: Callable[[Tensor], tuple[Tensor, Tensor]], start: Tensor, steps: int
) -> Tensor:
    """The parameters where a function is low, by dense BFGS with backtracking.

    Arguments:
        function: Gives its value `()` and gradient `(P,)` at parameters `(P,)`; infinite or not
            a number where it is not defined.
        start: First parameters, `(P,)`.
        steps: Largest number of steps.
    Returns:
        Parameters `(P,)`, those of the start if nothing is lower.
    Source: J. Nocedal, S. J. Wright (2006), Numerical optimization, algorithms 3.1 and 6.1.
        Deviation: where the function is not convex along a step, the next one is three times as
        long.
    """
    point = start.clone()
    value, slope = function(point)
    identity = torch.eye(len(point), dtype=point.dtype, device=point.device)
    inverse = identity / slope.abs().max().clamp(min=1.0)
    calm = 0
    for step in range(steps):
        direction = -inverse @ slope
        direction = direction * (_LONGEST / direction.abs().max().clamp(min=_LONGEST))
        descent = slope @ direction
        if not bool(descent < 0):
            break
        length = 1.0
        while True:
            trial, steepness = function(point + length * direction)
            if bool(trial <= value + _DECREASE * length * descent):
                break
            length /= 3
            if length < _SHORTEST:
                return point
        move, change = length * direction, steepness - slope
        curvature = move @ change
        if bool(curvature > 1e-10 * move.norm() * change.norm()):
            if step == 0:
                inverse = identity * (curvature / change.square().sum())
            left = identity - torch.outer(move, change) / curvature
            inverse = left @ inverse @ left.mT + torch.outer(move, move) / curvature
        else:  # the slope got steeper: go further
            inverse = _FURTHER * inverse
        small = value - trial <= _SETTLED * (1 + trial.abs())
        calm = calm + 1 if bool(small) else 0
        point, value, slope = point + move, trial, steepness
        if calm == 2:
            break
    return point
