"""A smooth stand-in for the unknown function: a Gaussian process with a length for each input."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.search.splits.minimisation import minimise

__all__ = ["Surrogate", "fit_surrogate"]

_LINEAR = 100.0
"""Variance of the coefficients of the linear part, in standard deviations squared."""
_SPARSITY = 5e-4
"""Price of an inverse length for each row, which sends those that do not matter to zero."""
_JITTER = 1e-10
_STEPS = 40


@dataclass(frozen=True)
class Surrogate:
    """The fitted function at the rows.

    Arguments:
        values: Smoothed target, `(N,)`.
        slopes: Derivatives by the coordinates, `(N, D)`.
        noise: Share of the target's variance that is noise.
    """

    values: Tensor
    slopes: Tensor
    noise: float


@torch.no_grad()
def fit_surrogate(
    coordinates: Tensor, target: Tensor, noise: Tensor, steps: int = _STEPS
) -> Surrogate:
    r"""Fit a Gaussian process with a linear mean by the evidence.

    .. math:: k(x, x') = s^2 \exp\Big(-\tfrac12 \sum_i (x_i - x'_i)^2 / \ell_i^2\Big)
              + 100\, (1 + x \cdot x'), \quad
              \operatorname{var} \epsilon_n = \tau^2 v_n

    Arguments:
        coordinates: Inputs, `(N, D)`; a constant one has slope 0.
        target: `(N,)`.
        noise: v, positive, `(N,)`.
        steps: Largest number of quasi-Newton steps.
    Source: C. E. Rasmussen, C. K. I. Williams (2006), Gaussian processes for machine learning,
        equations 5.8 and 5.9 with automatic relevance determination, http://gaussianprocess.org.
        Deviation: a small price on each inverse length.
    """
    tiny = torch.finfo(target.dtype).tiny
    scale, spread = coordinates.std(0).clamp(min=tiny), target.std().clamp(min=tiny)
    inputs = (coordinates - coordinates.mean(0)) / scale
    process = _Process(inputs, (target - target.mean()) / spread, noise / noise.median())
    parameters = minimise(process.misfit, process.start(), steps)
    return process.surrogate(parameters, float(target.mean()), float(spread), scale)


class _Process:
    """The evidence as a function of the logarithms of inverse lengths, s and tau squared.

    Arguments:
        inputs: Standardised, `(N, D)`.
        target: Standardised, `(N,)`.
        noise: With median 1, `(N,)`.
    """

    def __init__(self, inputs: Tensor, target: Tensor, noise: Tensor) -> None:
        self._inputs, self._target, self._noise = inputs, target, noise
        self._linear = _LINEAR * (1 + inputs @ inputs.mT)

    def start(self) -> Tensor:
        """Where to begin, `(D + 2,)`."""
        count = self._inputs.shape[1]
        first = [math.log(0.5)] * count + [0.0, math.log(1e-4)]
        return self._target.new_tensor(first)

    def misfit(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """The negative logarithm of the evidence and its gradient."""
        inverse, smooth, factor, duals = self._solved(parameters)
        if factor is None:
            return smooth.new_tensor(torch.inf), torch.zeros_like(parameters)
        price = _SPARSITY * len(self._target) * inverse
        value = 0.5 * self._target @ duals + factor.diagonal().log().sum() + price.sum()
        excess = torch.outer(duals, duals) - torch.cholesky_inverse(factor)
        both = excess * smooth
        squares = both.sum(1) @ self._inputs.square()
        products = (self._inputs * (both @ self._inputs)).sum(0)
        gradient = torch.empty_like(parameters)
        gradient[:-2] = inverse.square() * (squares - products) + price
        gradient[-2] = -0.5 * both.sum()
        tau = parameters[-1].clamp(max=10.0).exp()
        gradient[-1] = -0.5 * tau * (excess.diagonal() * self._noise).sum()
        return value, gradient

    def surrogate(
        self, parameters: Tensor, mean: float, spread: float, scale: Tensor
    ) -> Surrogate:
        """The posterior mean at the rows, in the units of the data."""
        inverse, smooth, factor, duals = self._solved(parameters)
        if factor is None:
            duals = torch.zeros_like(self._target)
        weighted = duals[:, None] * self._inputs
        bend = (smooth @ weighted - (smooth @ duals)[:, None] * self._inputs) * inverse.square()
        slopes = bend + _LINEAR * weighted.sum(0)
        tau = float(parameters[-1].clamp(max=10.0).exp())
        rest = (tau * self._noise + _JITTER) * duals
        values = mean + spread * (self._target - rest)
        return Surrogate(values, spread * slopes / scale, tau)

    def _solved(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        """Inverse lengths, the smooth kernel, the factor of the whole one, K^-1 t."""
        inverse = parameters[:-2].clamp(max=10.0).exp()
        scaled = self._inputs * inverse
        norms = scaled.square().sum(1)
        distances = (norms[:, None] + norms[None] - 2 * scaled @ scaled.mT).clamp(min=0)
        smooth = (parameters[-2].clamp(max=20.0) - 0.5 * distances).exp()
        whole = smooth + self._linear
        whole.diagonal().add_(parameters[-1].clamp(max=10.0).exp() * self._noise + _JITTER)
        factor, failure = torch.linalg.cholesky_ex(whole)
        if bool(failure > 0):
            return inverse, smooth, None, self._target
        duals = torch.cholesky_solve(self._target[:, None], factor)[:, 0]
        return inverse, smooth, factor, duals
