"""Stored patterns: what queries associate with, the energy, and one step of retrieval."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import ConfigurationError, DataError

__all__ = ["StoredPatterns", "check_beta", "check_top_k"]


@dataclass(frozen=True, eq=False)
class StoredPatterns:
    r"""Patterns :math:`k_i` and how sharply a state :math:`x` is drawn to those that resemble it.

    .. math:: E(x) = -\frac1\beta \log\frac1n \sum_i e^{\beta k_i \cdot x}
              + \frac12 |x|^2 + \frac12 \max_i |k_i|^2, \quad
              f(x) = \sum_i p_i k_i, \quad p = \mathrm{softmax}(\beta K x)

    :math:`\partial E/\partial x = x - f(x)`. The first term is concave, so a step
    :math:`x \leftarrow f(x)` never raises E; :math:`E \ge 0`, and :math:`E \le 2 \max_i |k_i|^2`
    wherever f leads. Sums run over the n patterns that take part: those the mask shows, and of
    these the `top_k` that resemble the state most. The first term stays concave with `top_k`, as
    minus the largest of convex functions, one for each choice of k patterns.

    A state that sees no pattern goes to zero and has the energy :math:`|x|^2/2`.

    Arguments:
        keys: Patterns K, shape `(*, M, d)`, at least one; `*` broadcasts with that of the states.
        beta: Inverse temperature, positive; a number or a tensor that broadcasts to
            `(*, 1, 1)`. Only a number is checked, as a look at a tensor would stall a GPU.
        mask: True where a state may see a pattern, broadcasts to `(*, L, M)`; None shows all.
        top_k: How many patterns at most take part in a step, at least 1; None lets all.
    Raises:
        ConfigurationError: If `beta` or `top_k` is not positive.
        DataError: If there is no pattern or the mask is not boolean or not as wide.
    Source: Ramsauer et al. (2020), eqs. 2, 3 and theorem 1, https://arxiv.org/abs/2008.02217.
        Deviations: masks and `top_k` are ours.
    """

    keys: Tensor
    beta: float | Tensor = 1.0
    mask: Tensor | None = None
    top_k: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.beta, (int, float)):
            check_beta(self.beta)
        check_top_k(self.top_k)
        if self.keys.dim() < 2 or self.keys.shape[-2] < 1:
            raise DataError(
                "stored patterns must have shape (*, M, d) with M at least 1, but have "
                f"{tuple(self.keys.shape)}"
            )
        if self.mask is None:
            return
        if self.mask.dtype != torch.bool:
            raise DataError(
                "a mask must be boolean, True where a pattern takes part, but is "
                f"{self.mask.dtype}; try mask.bool()"
            )
        if self.mask.dim() < 1 or self.mask.shape[-1] not in (1, self.keys.shape[-2]):
            raise DataError(
                f"a mask must have shape (*, L, M) with M={self.keys.shape[-2]} patterns, but "
                f"has {tuple(self.mask.shape)}"
            )

    def weights(self, states: Tensor) -> Tensor:
        """Association weights p `(*, L, M)` of states `(*, L, d)`.

        A row sums to one, or is zero where a state sees no pattern.
        """
        scores = self._scores(states)
        if self._is_sparse:
            assert self.top_k is not None
            best, places = scores.topk(self.top_k, dim=-1)
            weights = torch.zeros_like(scores).scatter(-1, places, best.softmax(-1))
        else:
            weights = scores.softmax(-1)
        return weights if self.mask is None else weights.masked_fill(~self.mask, 0.0)

    def update(self, states: Tensor) -> Tensor:
        """One step of retrieval f, `(*, L, d)`, from states of that shape."""
        return self.weights(states) @ self.keys

    def energies(self, states: Tensor) -> Tensor:
        """E of each state, `(*, L)`, at least 0, for states `(*, L, d)`."""
        scores = self._scores(states)
        if self._is_sparse:
            assert self.top_k is not None
            scores = scores.topk(self.top_k, dim=-1).values
        size = scores.shape[-1]
        closeness = scores.logsumexp(-1, keepdim=True)
        if self.mask is None:
            closeness = closeness - math.log(size)
        else:
            seen = self.mask.sum(-1, keepdim=True).clamp(max=size)  # (*, L, 1)
            closeness = closeness - seen.clamp(min=1).to(scores.dtype).log()
            closeness = torch.where(seen > 0, closeness, 0.0)
        squares = states.square().sum(-1, keepdim=True) + self._largest_square()
        return (0.5 * squares - closeness / self.beta).squeeze(-1)

    def jacobian_product(self, weights: Tensor, vectors: Tensor) -> Tensor:
        r"""The derivative of f times vectors: :math:`\beta K^T (\mathrm{diag}\,p - pp^T) K v`.

        It is symmetric, so this is also its transpose's product.

        Arguments:
            weights: Association weights p at the states, `(*, L, M)`.
            vectors: One v for each state, `(*, L, d)`.
        Returns:
            Products, `(*, L, d)`.
        """
        pulls = weights * (vectors @ self.keys.mT)
        return self.beta * ((pulls - weights * pulls.sum(-1, keepdim=True)) @ self.keys)

    def largest_norm(self) -> Tensor:
        """Length of the longest pattern that a state sees, broadcasts to `(*, L, 1)`."""
        return self._largest_square().sqrt()

    @property
    def _is_sparse(self) -> bool:
        return self.top_k is not None and self.top_k < self.keys.shape[-2]

    def _scores(self, states: Tensor) -> Tensor:
        """beta K x, `(*, L, M)`; where a pattern is hidden, the least finite number."""
        scores = self.beta * (states @ self.keys.mT)
        if self.mask is None:
            return scores
        return scores.masked_fill(~self.mask, torch.finfo(scores.dtype).min)

    def _largest_square(self) -> Tensor:
        squares = self.keys.square().sum(-1).unsqueeze(-2)  # (*, 1, M)
        if self.mask is not None:
            squares = squares.masked_fill(~self.mask, 0.0)
        return squares.amax(-1, keepdim=True)


def check_beta(beta: float) -> None:
    """Raise a `ConfigurationError` unless the inverse temperature is positive and finite."""
    if not 0 < beta < math.inf:
        raise ConfigurationError(
            f"beta is an inverse temperature and must be positive and finite, but is {beta}"
        )


def check_top_k(top_k: int | None) -> None:
    """Raise a `ConfigurationError` unless `top_k` is None or at least 1."""
    if top_k is not None and top_k < 1:
        raise ConfigurationError(
            f"top_k must be at least 1, or None for all patterns, but is {top_k}"
        )
