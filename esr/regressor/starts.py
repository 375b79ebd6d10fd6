"""Where to begin the fit of a formula whose constants may have any size."""

import math

import torch
from torch import Generator, Tensor

from esr.regressor.named_constants import NamedConstants

__all__ = ["linear_constants", "promising_starts"]

_DECADES = 3.0
"""Draws lie between 10 to the power of minus this and plus this."""
_BATCH = 500
_ALIKE = 1e-9
_RIDGE = 1e-12


def promising_starts(
    formula: NamedConstants, tried: int, kept: int, *, generator: Generator | None = None
) -> Tensor:
    """Draw constants, solve for the linear ones, and keep the best draws.

    Arguments:
        formula: With C constants.
        tried: How many are drawn.
        kept: How many are returned at most; those that are finite on all rows.
        generator: Feeds the draws, on the CPU.
    Returns:
        Shape `(B, C)`, best first.
    """
    linear = linear_constants(formula, generator=generator)
    points, losses = [], []
    for _ in range(math.ceil(tried / _BATCH)):
        drawn = _drawn(formula, _BATCH, generator)
        solved = _solved(formula, drawn, linear) if bool(linear.any()) else drawn
        points.append(solved)
        losses.append(formula.residuals(solved).square().sum(1).nan_to_num(nan=torch.inf))
    loss = torch.cat(losses)
    order = loss.argsort()[:kept]
    return torch.cat(points)[order[loss[order].isfinite()]]


def linear_constants(formula: NamedConstants, *, generator: Generator | None = None) -> Tensor:
    """Which constants enter linearly together, found by trying: bool `(C,)`.

    A set of constants is linear if no derivative by one of them changes when they do.

    Arguments:
        formula: With C constants.
        generator: Feeds the points of trial, on the CPU.
    """
    count = len(formula.names)
    here, there = (_drawn(formula, _BATCH, generator) for _ in range(2))
    slopes = formula.linearised(here)[1]  # (B, N, C)
    linear = torch.zeros(count, dtype=torch.bool, device=here.device)
    for constant in range(count):
        linear[constant] = True
        moved = formula.linearised(torch.where(linear, there, here))[1][:, :, linear]
        still = slopes[:, :, linear]
        finite = (moved.isfinite() & still.isfinite()).flatten(1).all(1)
        apart = (moved - still).abs() > _ALIKE * (moved.abs() + still.abs())
        linear[constant] = bool(finite.any()) and not bool(apart[finite].any())
    return linear


def _drawn(formula: NamedConstants, count: int, generator: Generator | None) -> Tensor:
    """Constants `(count, C)` of either sign, their logarithms uniform."""
    shape = count, len(formula.names)
    exponents = _DECADES * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)
    signs = 2 * torch.randint(2, shape, generator=generator) - 1
    return (signs * 10**exponents).to(formula.device)


def _solved(formula: NamedConstants, points: Tensor, linear: Tensor) -> Tensor:
    """The points `(B, C)` with their linear constants at the least squares."""
    residuals, slopes = formula.linearised(points)
    columns = slopes[:, :, linear].nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    norms = columns.norm(dim=1, keepdim=True).clamp(min=torch.finfo(columns.dtype).tiny)
    columns = columns / norms
    normal = columns.mT @ columns
    normal = normal + _RIDGE * torch.eye(normal.shape[-1]).to(normal)
    pull = (columns * residuals.nan_to_num()[..., None]).sum(1)
    step = torch.linalg.solve_ex(normal, pull[..., None]).result[..., 0] / norms[:, 0]
    solved = points.clone()
    solved[:, linear] -= step.nan_to_num(nan=0.0)
    return solved
