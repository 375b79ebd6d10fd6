"""How well a target is a smooth function of one column, for thousands of columns at once."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Smoothness", "differences", "smoothness", "straightened"]

_CHUNK = 256
"""Columns at a time, which keeps what is gathered in the cache."""
_RIDGE = 1e-12
"""Of the normal equations, relative to the size of a basis function."""
_DEGREE = 6
"""Of the polynomial that stands for the smooth function."""


@dataclass(frozen=True)
class Smoothness:
    """What is left of the target, for K columns.

    Arguments:
        variances: Estimated noise variance, in units of the given one, `(K,)`.
        coefficients: Of the basis functions, `(K, B)`.
    """

    variances: Tensor
    coefficients: Tensor


def smoothness(inner: Tensor, target: Tensor, basis: Tensor, noise: Tensor) -> Smoothness:
    r"""The noise variance of a partially linear model for each of K columns.

    .. math:: t_n = \sum_b a_b\, z_{nb} + \varphi(u_n) + \epsilon_n, \quad
              \operatorname{var} \epsilon_n = \sigma^2 v_n

    with :math:`\varphi` unknown but smooth. Two estimates of :math:`\sigma^2` are made, and the
    smaller one counts: by differencing, which is nearly exact without noise, and with a
    polynomial of degree 6 for :math:`\varphi`, which is less variable under noise.

    Arguments:
        inner: The columns u, finite, `(K, N)`.
        target: t, `(K, N)` or `(1, N)`.
        basis: z, `(K, N, B)` or `(1, N, B)`; B may be 0.
        noise: v, positive, `(K, N)` or `(1, N)`.
    Source: A. Yatchew (1997), An elementary estimator of the partial linear model,
        https://doi.org/10.1016/S0165-1765(97)00218-8, with the differences of T. Gasser,
        L. Sroka, C. Jennen-Steinmetz (1986), Residual variance and residual pattern in nonlinear
        regression, https://doi.org/10.1093/biomet/73.3.625.
    """
    count = max(len(target), len(basis))
    table = torch.cat(
        [target[..., None].expand(count, -1, -1), basis.expand(count, -1, -1)], -1
    )  # (K or 1, N, 1 + B)
    found = []
    for first in range(0, len(inner), _CHUNK):
        columns = inner[first : first + _CHUNK]
        rows, variances = (
            part if len(part) == 1 else part[first : first + _CHUNK] for part in (table, noise)
        )
        found.append(_by_differences(columns, rows, variances))
        smooth = _by_polynomials(columns, rows, variances)
        better = smooth.variances < found[-1].variances
        found[-1] = Smoothness(
            torch.where(better, smooth.variances, found[-1].variances),
            torch.where(better[:, None], smooth.coefficients, found[-1].coefficients),
        )
    return Smoothness(
        torch.cat([part.variances for part in found]),
        torch.cat([part.coefficients for part in found]),
    )


def differences(inner: Tensor, table: Tensor, noise: Tensor) -> Tensor:
    r"""Each row minus the straight line between its neighbours in the order of a column.

    .. math:: e_n = \frac{z_n - \alpha_n z_{n-1} - (1 - \alpha_n) z_{n+1}}
              {\sqrt{v_n + \alpha_n^2 v_{n-1} + (1 - \alpha_n)^2 v_{n+1}}}, \quad
              \alpha_n = \frac{u_{n+1} - u_n}{u_{n+1} - u_{n-1}}

    A function with two derivatives all but vanishes; noise of variance v has variance 1.

    Arguments:
        inner: u, `(K, N)`.
        table: z, `(K, N, C)` or `(1, N, C)`.
        noise: v, `(K, N)` or `(1, N)`.
    Returns:
        e, `(K, N - 2, C)`.
    """
    ordered, order = inner.sort(1)
    count = len(inner)
    gathered = table.expand(count, -1, -1).gather(
        1, order[..., None].expand(-1, -1, table.shape[-1])
    )
    variances = noise.expand(count, -1).gather(1, order)
    low, middle, high = ordered[:, :-2], ordered[:, 1:-1], ordered[:, 2:]
    left = ((high - middle) / (high - low)).nan_to_num(0.5, 0.5, 0.5)
    right = 1 - left
    scale = variances[:, 1:-1] + left.square() * variances[:, :-2]
    scale = (scale + right.square() * variances[:, 2:]).rsqrt()
    lines = left[..., None] * gathered[:, :-2] + right[..., None] * gathered[:, 2:]
    return (gathered[:, 1:-1] - lines) * scale[..., None]


def straightened(inner: Tensor) -> Tensor:
    """Columns `(K, N)` brought to the range from -1 to 1, by way of the logarithm if wide."""
    low, high = inner.amin(1, keepdim=True), inner.amax(1, keepdim=True)
    wide = (low > 0) & (high > 10 * low)
    inner = torch.where(wide, inner.clamp(min=torch.finfo(inner.dtype).tiny).log(), inner)
    low, high = inner.amin(1, keepdim=True), inner.amax(1, keepdim=True)
    return ((inner - low) / (high - low)).nan_to_num(0.5) * 2 - 1


def _by_differences(inner: Tensor, table: Tensor, noise: Tensor) -> Smoothness:
    residuals = differences(inner, table, noise)
    sizes = (table.square() / noise[..., None]).sum(1).sqrt()  # (K or 1, 1 + B)
    normal = residuals.mT @ residuals
    rest, coefficients = _solved(normal, sizes.expand(len(inner), -1), _RIDGE)
    freedom = max(1, residuals.shape[1] - (table.shape[-1] - 1))
    return Smoothness(rest / freedom, coefficients)


def _by_polynomials(inner: Tensor, table: Tensor, noise: Tensor) -> Smoothness:
    """The same with Chebyshev polynomials; generalised cross-validation pays for parameters."""
    count, samples = inner.shape
    angles = straightened(inner).clamp(-1, 1).acos()
    degrees = torch.arange(_DEGREE + 1, dtype=inner.dtype, device=inner.device)
    waves = (angles[..., None] * degrees).cos()  # (K, N, degrees)
    whole = torch.cat([table.expand(count, -1, -1), waves], -1) * noise.rsqrt()[..., None]
    normal = whole.mT @ whole
    sizes = torch.diagonal(normal, dim1=1, dim2=2).sqrt()
    rest, coefficients = _solved(normal, sizes, _RIDGE * samples)
    freedom = max(1, samples - (whole.shape[-1] - 1))
    return Smoothness(rest * samples / freedom**2, coefficients[:, : table.shape[-1] - 1])


def _solved(normal: Tensor, sizes: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Least squares for the first column by the others, from products `(K, 1 + B, 1 + B)`.

    Returns:
        Sums of squares that are left `(K,)`, infinite where unsolvable, and coefficients
        `(K, B)`.
    """
    sizes = sizes[:, 1:].clamp(min=torch.finfo(sizes.dtype).tiny)
    matrix = normal[:, 1:, 1:] / (sizes[:, :, None] * sizes[:, None, :])
    side = normal[:, 1:, 0] / sizes
    matrix = matrix + ridge * torch.eye(side.shape[1], dtype=side.dtype, device=side.device)
    factor, failure = torch.linalg.cholesky_ex(matrix)
    solution = torch.cholesky_solve(side[..., None], factor)[..., 0]
    rest = (normal[:, 0, 0] - (solution * side).sum(1)).clamp(min=0)
    rest = rest.nan_to_num(torch.inf).masked_fill(failure > 0, torch.inf)
    return rest, solution / sizes
