"""Retrieval to the end: steps from queries until they rest, without recording gradients."""

from typing import NamedTuple

import torch
from torch import Tensor

from esr.associative.patterns import StoredPatterns

__all__ = ["FixedPoint", "find_fixed_point"]


class FixedPoint(NamedTuple):
    """Where retrieval came to rest.

    Arguments:
        states: Shape `(*, L, d)`.
        steps: Steps each state took, integers `(*, L)`.
        settled: Whether the last of them was within the tolerance, `(*, L)`.
    """

    states: Tensor
    steps: Tensor
    settled: Tensor


@torch.no_grad()
def find_fixed_point(
    patterns: StoredPatterns, states: Tensor, *, tolerance: float, steps: int
) -> FixedPoint:
    """Take steps of retrieval until they are short.

    A state that has settled stays as it is, so what becomes of it does not depend on the states
    beside it.

    Arguments:
        patterns: What the states are drawn to.
        states: Where to start, `(*, L, d)`.
        tolerance: Length of a step that ends the search, in units of the longest pattern.
        steps: Largest number of steps; with 0 the states stay where they are.
    Returns:
        The states reached; they carry no gradient.
    """
    short = tolerance * patterns.largest_norm()
    moving = torch.ones_like(states[..., :1], dtype=torch.bool)
    taken = moving.new_zeros(moving.shape, dtype=torch.long)
    for _ in range(steps):
        moved = patterns.update(states)
        lengths = torch.linalg.vector_norm(moved - states, dim=-1, keepdim=True)
        states, taken = torch.where(moving, moved, states), taken + moving
        moving = moving & ~(lengths <= short)  # NaN goes on moving
        if not moving.any():  # one look a step; most searches end after two or three
            break
    return FixedPoint(states.detach(), taken.squeeze(-1), ~moving.squeeze(-1))
