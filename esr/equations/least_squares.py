"""Nonlinear least squares for many independent problems at once."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vjp, vmap

__all__ = ["LeastSquares", "levenberg_marquardt", "row_jacobian"]

_LARGEST_DAMPING = 1e12  # beyond it a step no longer moves a parameter
_SMALLEST_DAMPING = 1e-13  # keeps singular problems solvable
_ROUNDING = 1e-14  # relative error of a sum of squares
_CHECK_EVERY = 5  # steps between two looks at whether all problems have ended


@dataclass(frozen=True)
class LeastSquares:
    """The outcome of `levenberg_marquardt`.

    Arguments:
        parameters: The best parameters found, `(B, C)`.
        loss: Mean of the squared residuals there, `(B,)`; infinite if the residuals are not
            finite at the start and no step made them so.
        converged: Whether the last step was negligible or the gradient vanished, `(B,)`.
        steps: Number of steps that were tried, the same for all problems.
    """

    parameters: Tensor
    loss: Tensor
    converged: Tensor
    steps: int


@torch.no_grad()
def levenberg_marquardt(
    residuals: Callable[[Tensor], Tensor],
    start: Tensor,
    *,
    steps: int = 100,
    tolerance: float = 1e-12,
    damping: float = 1e-3,
    linearise: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None,
) -> LeastSquares:
    r"""Minimise the sum of squares of B independent problems by the Levenberg-Marquardt method.

    .. math:: (J^T J + \mu D)\,\delta = -J^T r, \quad D = \operatorname{diag}(J^T J)

    Each problem has its own damping :math:`\mu`. A step is taken if it lowers the sum of squares
    to a finite value, or keeps it where the expected gain is below rounding; :math:`\mu` then
    shrinks by how well the linear model predicted the gain, and grows ever faster after refused
    steps.

    Arguments:
        residuals: Maps parameters `(B, C)` to residuals `(B, N)`; row b of the result depends on
            row b of the parameters only. It is differentiated twice, under `vmap`.
        start: First parameters, `(B, C)`, float64.
        steps: Largest number of steps, at least 1.
        tolerance: A problem has converged when a nearly undamped step is smaller than this
            relative to the parameters and residuals, or the cosine between the residuals and
            every column of the Jacobian is.
        damping: First :math:`\mu`, above 0.
        linearise: Maps parameters `(B, C)` to residuals `(B, N)` and their derivatives
            `(B, N, C)`; found by differentiating `residuals` if `None`.
    Returns:
        Parameters, losses and whether each problem converged.
    Raises:
        ValueError: If a shape, type or setting is wrong.
    Source: K. Madsen, H. B. Nielsen, O. Tingleff (2004), Methods for non-linear least squares
        problems, section 3.2 and algorithm 3.16, http://www2.imm.dtu.dk/pubdb/p.php?3215.
        Deviations: D scales the damping (Marquardt 1963) instead of the identity; the stopping
        rules do not depend on units.
    """
    _check_settings(start, steps, tolerance, damping)
    first = residuals(start)
    if first.ndim != 2 or first.shape[0] != start.shape[0]:
        raise ValueError(
            f"residuals must map parameters {tuple(start.shape)} to ({start.shape[0]}, N), "
            f"but gave {tuple(first.shape)}"
        )
    state = _State(start.clone(), _sum_of_squares(first), damping)
    linear = linearise or (lambda p: (residuals(p), row_jacobian(residuals, p)))
    taken = 0
    while taken < steps and start.shape[1] > 0:
        if taken % _CHECK_EVERY == 0 and bool(state.ended.all()):
            break
        _step(state, residuals, linear, tolerance)
        taken += 1
    converged = state.converged if start.shape[1] > 0 else torch.isfinite(state.squares)
    return LeastSquares(state.parameters, state.squares / first.shape[1], converged, taken)


def row_jacobian(function: Callable[[Tensor], Tensor], parameters: Tensor) -> Tensor:
    r"""Derivatives of independent rows, one batched pass for all parameters.

    The pullback :math:`u \mapsto J^T u` is linear, so that its own pullback is
    :math:`v \mapsto J v`. This needs reverse mode only, which more operations support.

    Arguments:
        function: Maps parameters `(B, C)` to values `(B, N)`, row by row.
        parameters: Where to differentiate, `(B, C)`.
    Returns:
        Derivatives `(B, N, C)`.
    Source: J. Townsend (2017), A new trick for calculating Jacobian vector products,
        https://j-towns.github.io/2017/06/12/A-new-trick.html.
    """
    values, pull = vjp(function, parameters)[:2]
    push = vjp(lambda cotangent: pull(cotangent)[0], torch.zeros_like(values))[1]
    count = parameters.shape[1]
    directions = torch.eye(count, dtype=parameters.dtype, device=parameters.device)
    tangents = directions[:, None, :].expand(count, *parameters.shape)  # (C, B, C)
    derivatives: Tensor = vmap(lambda tangent: push(tangent)[0])(tangents)
    return derivatives.permute(1, 2, 0)  # (C, B, N) -> (B, N, C)


class _State:
    """What changes from step to step.

    Arguments:
        parameters: First parameters, `(B, C)`.
        squares: Sum of squares there, `(B,)`.
        damping: First damping of every problem.
    """

    def __init__(self, parameters: Tensor, squares: Tensor, damping: float) -> None:
        self.parameters = parameters
        self.squares = squares
        self.damping = torch.full_like(squares, damping)
        self.growth = torch.full_like(squares, 2.0)
        self.converged = torch.zeros_like(squares, dtype=torch.bool)
        self.ended = torch.zeros_like(self.converged)


def _step(
    state: _State,
    residuals: Callable[[Tensor], Tensor],
    linearise: Callable[[Tensor], tuple[Tensor, Tensor]],
    tolerance: float,
) -> None:
    """Try one step of every problem that has not ended, and keep it where it helps."""
    values, slopes = linearise(state.parameters)  # (B, N), (B, N, C)
    norms = torch.linalg.vector_norm(slopes, dim=1)  # (B, C)
    norms = torch.where(norms > 0, norms, torch.ones_like(norms))
    slopes = slopes / norms[:, None, :]  # columns of length 1: D becomes the identity
    gradient = (slopes * values[..., None]).sum(1)  # (B, C)
    normal = slopes.mT @ slopes  # (B, C, C)
    damped = normal + torch.diag_embed(state.damping[:, None].expand_as(gradient))
    factor, failure = torch.linalg.cholesky_ex(damped)
    scaled = -torch.cholesky_solve(gradient[..., None], factor)[..., 0]
    trial = state.parameters + scaled / norms
    squares = _sum_of_squares(residuals(trial))

    predicted = (scaled * (state.damping[:, None] * scaled - gradient)).sum(1)
    ratio = (state.squares - squares) / predicted.clamp(min=torch.finfo(predicted.dtype).tiny)
    # where the expected gain drowns in rounding, only the model can still improve parameters
    rounding = _ROUNDING * state.squares
    is_lost = (predicted <= rounding) & (squares - state.squares <= rounding)
    ratio = torch.where(is_lost, torch.ones_like(ratio), ratio)
    accepted = (failure == 0) & ((squares < state.squares) | is_lost) & ~state.ended

    size = values.norm(dim=1)
    length = (norms * state.parameters).norm(dim=1) + size
    settled = (state.damping < 1) & (scaled.norm(dim=1) <= tolerance * length)
    cosine = gradient.abs().amax(1) / size
    flat = (cosine <= tolerance) | (state.squares == 0)
    settled = (settled | flat) & torch.isfinite(state.squares) & (failure == 0)

    shrink = (1 - (2 * ratio - 1) ** 3).clamp(min=1 / 3)
    damping = torch.where(accepted, state.damping * shrink, state.damping * state.growth)
    state.growth = torch.where(accepted, 2.0, state.growth * 2).clamp(max=1e6)
    state.parameters = torch.where(accepted[:, None], trial, state.parameters)
    state.squares = torch.where(accepted, squares, state.squares)
    state.converged = state.converged | (settled & ~state.ended)
    state.ended = state.ended | settled | (damping > _LARGEST_DAMPING)
    state.damping = damping.clamp(_SMALLEST_DAMPING, _LARGEST_DAMPING)


def _sum_of_squares(residuals: Tensor) -> Tensor:
    """Sum over the samples, `(B,)`; infinite where a residual is not finite."""
    squares = residuals.square().sum(1)
    return torch.where(torch.isfinite(squares), squares, torch.inf)


def _check_settings(start: Tensor, steps: int, tolerance: float, damping: float) -> None:
    if start.ndim != 2 or start.dtype != torch.float64:
        raise ValueError(
            "start must have shape (B, C) and type float64, but has "
            f"shape {tuple(start.shape)} and type {start.dtype}"
        )
    if steps < 1 or not tolerance >= 0 or not damping > 0:
        raise ValueError(
            "levenberg_marquardt needs steps >= 1, tolerance >= 0 and damping > 0, but got "
            f"steps={steps}, tolerance={tolerance}, damping={damping}"
        )
