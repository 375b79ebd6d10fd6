"""Three ways to differentiate retrieval: through every step, implicitly, or through the last.

Retrieval ends with a read-out of the values by the association weights of a state. A mode makes
that state from the query; the read-out is the last step, and always differentiated.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from esr.associative.conjugate_gradient import conjugate_gradient
from esr.associative.fixed_point import find_fixed_point
from esr.associative.patterns import StoredPatterns
from esr.errors import ConfigurationError, TrainingError

__all__ = ["Approach", "Implicit", "OneStep", "RetrievalGradient", "Unrolled"]


class Approach(NamedTuple):
    """A query's way to the read-out.

    Arguments:
        states: What is read out from, `(*, L, d)`.
        steps: Steps of each query, the read-out counted, integers `(*, L)`.
    """

    states: Tensor
    steps: Tensor


class RetrievalGradient(ABC):
    """Contract of a mode: how far retrieval goes and what of it is differentiated."""

    @abstractmethod
    def approach(self, queries: Tensor, patterns: StoredPatterns) -> Approach:
        """The states `(*, L, d)` to read out from, for queries of that shape."""


@dataclass(frozen=True)
class Unrolled(RetrievalGradient):
    """A fixed number of steps, all differentiated: exact for that number, memory grows with it.

    Arguments:
        steps: Number of steps, the read-out counted, at least 1; 1 is attention.
    Raises:
        ConfigurationError: If there is no step.
    """

    steps: int = 1

    def __post_init__(self) -> None:
        _check_search(self.steps)

    def approach(self, queries: Tensor, patterns: StoredPatterns) -> Approach:
        """The queries after all steps but the last."""
        states = queries
        for _ in range(self.steps - 1):
            states = patterns.update(states)
        return Approach(states, _counts(states, self.steps))


@dataclass(frozen=True)
class OneStep(RetrievalGradient):
    """Steps until rest, only the last differentiated: cheap, and exact where a state's influence
    on the next vanishes (large beta, well separated patterns), or with one step.

    Beyond one step no gradient reaches the queries; at a fixed point they have none.

    Arguments:
        steps: Largest number of steps, the read-out counted, at least 1.
        tolerance: Length of a step that counts as rest, in units of the longest pattern.
    Raises:
        ConfigurationError: If a value is out of range.
    Source: Fung et al. (2021), https://arxiv.org/abs/2103.12803, the Jacobian left out; Bolte,
        Pauwels, Vaiter (2023), https://arxiv.org/abs/2305.13768.
    """

    steps: int = 100
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        _check_search(self.steps, self.tolerance)

    def approach(self, queries: Tensor, patterns: StoredPatterns) -> Approach:
        """The queries at rest, detached; with one step the queries themselves."""
        if self.steps == 1:
            return Approach(queries, _counts(queries, 1))
        rest = find_fixed_point(patterns, queries, tolerance=self.tolerance, steps=self.steps - 1)
        return Approach(rest.states, rest.steps + 1)


@dataclass(frozen=True)
class Implicit(RetrievalGradient):
    r"""Steps until rest, differentiated as the solution of x = f(x): exact at rest.

    .. math:: \frac{\partial x^*}{\partial \theta}^T g = \frac{\partial f}{\partial \theta}^T v,
              \quad (1 - J) v = g, \quad J = \partial f/\partial x

    :math:`1 - J` is the Hessian of the energy, symmetric and positive definite at a minimum, so
    conjugate gradients solve for v in at most d steps but for rounding. Where a query does not
    come to rest, or rests on a saddle, v = g is taken, the gradient of the last step alone.

    No gradient reaches the queries: where they come to rest does not change with them. First
    derivatives only.

    Arguments:
        steps: Largest number of steps to the fixed point, at least 1.
        tolerance: Length of a step that counts as rest, in units of the longest pattern, and
            of the residual of v, in units of g.
        strict: Whether to raise a `TrainingError` in place of taking v = g.
    Raises:
        ConfigurationError: If a value is out of range.
    Source: Bai, Kolter, Koltun (2019), theorem 1, https://arxiv.org/abs/1909.01377. Deviations:
        conjugate gradients, which the symmetry of J allows.
    """

    steps: int = 100
    tolerance: float = 1e-6
    strict: bool = False

    def __post_init__(self) -> None:
        _check_search(self.steps, self.tolerance)

    def approach(self, queries: Tensor, patterns: StoredPatterns) -> Approach:
        """The fixed points, with their gradient by patterns and beta."""
        rest = find_fixed_point(patterns, queries, tolerance=self.tolerance, steps=self.steps)
        if self.strict and not rest.settled.all():
            raise TrainingError(
                f"{int((~rest.settled).sum())} of {rest.settled.numel()} queries did not come "
                f"to rest within {self.steps} steps and tolerance {self.tolerance}; allow more "
                "steps, a larger tolerance, or Implicit(strict=False)"
            )
        if not torch.is_grad_enabled():
            return Approach(rest.states, rest.steps + 1)
        once_more = patterns.update(rest.states)
        states: Tensor = _AtFixedPoint.apply(  # type: ignore[no-untyped-call]
            once_more, rest.states, rest.settled, patterns, self
        )
        return Approach(states, rest.steps + 1)


class _AtFixedPoint(torch.autograd.Function):
    """The identity; backward turns g into v."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        once_more: Tensor,
        states: Tensor,
        settled: Tensor,
        patterns: StoredPatterns,
        mode: Implicit,
    ) -> Tensor:
        ctx.save_for_backward(states, settled, patterns.keys)
        ctx.patterns, ctx.mode = patterns, mode  # type: ignore[attr-defined]
        return once_more.view_as(once_more)

    @staticmethod
    def backward(ctx: FunctionCtx, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise TrainingError(
                "implicit retrieval has first derivatives only and cannot be differentiated with "
                "create_graph=True; use Unrolled(steps)"
            )
        states, settled, _ = ctx.saved_tensors  # type: ignore[attr-defined]
        patterns: StoredPatterns = ctx.patterns  # type: ignore[attr-defined]
        mode: Implicit = ctx.mode  # type: ignore[attr-defined]
        weights = patterns.weights(states)
        solution, solved = conjugate_gradient(
            lambda vectors: vectors - patterns.jacobian_product(weights, vectors),
            slopes[0],
            tolerance=mode.tolerance,
            steps=2 * states.shape[-1] + 10,  # d in exact arithmetic
        )
        if mode.strict and not solved.all():
            raise TrainingError(
                f"the implicit gradient of {int((~solved).sum())} of {solved.numel()} queries "
                "could not be found: they rest on a saddle of the energy, or the tolerance "
                f"{mode.tolerance} is too small; try Implicit(strict=False) or OneStep()"
            )
        good = (settled & solved).unsqueeze(-1)
        return torch.where(good, solution, slopes[0]), None, None, None, None


def _counts(states: Tensor, steps: int) -> Tensor:
    return torch.full(states.shape[:-1], steps, dtype=torch.long, device=states.device)


def _check_search(steps: int, tolerance: float = 1.0) -> None:
    if steps < 1:
        raise ConfigurationError(f"steps must be at least 1, but is {steps}")
    if not tolerance > 0:
        raise ConfigurationError(f"tolerance must be positive, but is {tolerance}")
