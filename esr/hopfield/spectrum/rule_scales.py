"""How single rules bear on the lowest eigenvalue of the couplings they add up to."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.spectrum.eigenpairs import Eigenpairs, extreme_eigenpairs
from esr.hopfield.spectrum.operators import SymmetricOperator, WeightedSum

__all__ = ["largest_rule_scales", "rule_sensitivity"]

_ROUNDS = 60
"""More than halving a bracket down to rounding takes."""


def rule_sensitivity(rules: Sequence[SymmetricOperator], vectors: Tensor) -> Tensor:
    r"""How fast eigenvalues move as each rule's weight grows.

    .. math:: \frac{\partial \lambda}{\partial w_k} = v^\top R_k v, \quad Q = \sum_k w_k R_k

    Arguments:
        rules: K operators :math:`R_k` of n rows.
        vectors: Unit eigenvectors v of Q, `(B, n)`. For an eigenvalue that occurs once.
    Returns:
        Sensitivities, `(K, B)`.
    Source: Hellmann (1937), Feynman (1939), https://doi.org/10.1103/PhysRev.56.340.
    """
    return torch.stack([(rule.apply(vectors) * vectors).sum(-1) for rule in rules])


def largest_rule_scales(
    rules: Sequence[SymmetricOperator],
    limit: float,
    like: Tensor,
    *,
    generator: Generator | None,
    tolerance: float = 1e-4,
) -> list[float]:
    r"""For each rule the largest factor on it alone that keeps the lowest eigenvalue in bounds.

    .. math:: s_k = \max\{s : \lambda_{min}(Q + (s - 1) R_k) \ge limit\}, \quad Q = \sum_k R_k

    The lowest eigenvalue is concave in s. So a tangent (the sensitivity at some s) and the
    Rayleigh quotient of the rule's own lowest vector bound :math:`s_k` from above, while a chord,
    and :math:`\lambda_{min}(Q+\delta R) \ge \lambda_{min}(Q) + \delta\lambda_{min}(R)`, bound it
    from below; both bounds close in quadratically.

    Arguments:
        rules: The weighted rules :math:`R_k`, which add up to Q.
        limit: The lowest eigenvalue allowed, such as `lowest_for_step` of a step.
        like: A tensor of the device and type the rules work in.
        generator: Draws the starts of the eigenvalue iterations.
        tolerance: Width of the bracket at the end, relative to 1 + s, positive; a tenth of it
            is the tolerance of the eigenpairs.
    Returns:
        For each rule a factor within the limit by the residuals' account; infinite if no factor
        leaves it, NaN if neither the rules as they are nor those without this rule keep it.
    Raises:
        ConfigurationError: If there is no rule or the tolerance is not positive.
    """
    if not rules or tolerance <= 0:
        raise ConfigurationError(
            f"at least one rule and a positive tolerance are needed, but got {len(rules)} rules "
            f"and tolerance {tolerance}"
        )
    return [
        _Family(rules, index, tolerance / 10, like, generator).largest(limit, tolerance)
        for index in range(len(rules))
    ]


@dataclass(frozen=True)
class _Place:
    """A factor, where the lowest eigenvalue is at least `lower`."""

    scale: float
    lower: float


@dataclass(frozen=True)
class _Line:
    """A vector's Rayleigh quotient at each factor: never below the lowest eigenvalue."""

    start: float
    slope: float

    def at(self, scale: float) -> float:
        return self.start + self.slope * scale

    def crossing(self, limit: float) -> float:
        """The factor beyond which the line, and so the eigenvalue, is below the limit."""
        return (limit - self.start) / self.slope if self.slope < 0 else float("inf")


class _Family:
    """The couplings as a function of the factor on one rule."""

    def __init__(
        self,
        rules: Sequence[SymmetricOperator],
        index: int,
        accuracy: float,
        like: Tensor,
        generator: Generator | None,
    ) -> None:
        self.rules, self.index, self.accuracy = rules, index, accuracy
        self.like, self.generator = like, generator
        self.own, highest = self.ends(rules[index])
        radius = max(abs(float(self.own.values[0])), abs(float(highest.values[0])))
        self.rounding = radius * torch.finfo(like.dtype).eps ** 0.6  # of products

    def largest(self, limit: float, tolerance: float) -> float:
        """See `largest_rule_scales`."""
        inner = next((p for p, _ in map(self.at, (1.0, 0.0)) if p.lower >= limit), None)
        if inner is None:
            return float("nan")
        if self.own.values[0] >= -self.rounding:
            return float("inf")
        outer = self.line(self.own.vectors[:1]).crossing(limit)
        reached = inner.scale
        for _ in range(_ROUNDS):
            width = outer - reached
            # From inside: the eigenvalue falls no faster than the rule's own lowest one.
            reached = max(reached, inner.scale + (inner.lower - limit) / -self.own.lower)
            # From outside: Newton's step on a concave function stays outside.
            beyond, line = self.at(outer)
            if beyond.lower >= limit:
                return outer
            chord = (inner.lower - limit) / (inner.lower - beyond.lower)
            reached = max(reached, inner.scale + chord * (outer - inner.scale))
            outer = min(outer, line.crossing(limit))
            if outer - reached <= tolerance * (1 + reached):
                break
            inner, line = self.at(reached)
            inner = _Place(reached, max(inner.lower, limit))  # the chord has shown as much
            outer = min(outer, line.crossing(limit))
            if outer - reached > width / 2:
                middle, line = self.at((reached + outer) / 2)
                if middle.lower >= limit:
                    inner, reached = middle, middle.scale
                elif line.at(middle.scale) >= limit:
                    break  # the residuals decide no further
                outer = min(outer, line.crossing(limit))
        return reached

    def at(self, scale: float) -> tuple[_Place, _Line]:
        """What the couplings with this factor say."""
        weights = [scale if index == self.index else 1.0 for index in range(len(self.rules))]
        lowest, _ = self.ends(WeightedSum(self.rules, weights))
        return _Place(scale, lowest.lower), self.line(lowest.vectors[:1])

    def ends(self, operator: SymmetricOperator) -> tuple[Eigenpairs, Eigenpairs]:
        """The lowest and the highest eigenpair."""
        return extreme_eigenpairs(
            operator, self.like, generator=self.generator, tolerance=self.accuracy
        )

    def line(self, vector: Tensor) -> _Line:
        """The Rayleigh quotient of a unit vector `(1, n)`."""
        parts = rule_sensitivity(self.rules, vector.to(self.like))[:, 0].tolist()
        slope = parts.pop(self.index)
        return _Line(sum(parts), slope)
