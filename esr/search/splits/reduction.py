"""A smaller question in place of a question, and the way from its answers back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from esr.equations import Constant, Expression
from esr.search.question import ExpressionRules, Question, Rows
from esr.search.splits.transforms import AS_IS, Transform

__all__ = ["Reduction", "fresh_names"]

_LEAST_KEPT = 0.8
"""Share of the rows on which the part must be defined."""
_LARGEST_RATIO = 1e6
"""Between the weights of two rows of a part."""
_ROUNDING = 100.0
"""How many times larger rounding errors of a part's target are than those of the target."""


@dataclass(frozen=True)
class Reduction:
    r"""The target as a function of fewer columns.

    .. math:: T(y) = o(x) + m(x)\, p(u_1(x), \ldots, u_k(x))

    Arguments:
        columns: The part's variables, by name, each in the variables of the whole.
        factor: m.
        offset: o.
        transform: T.
        length: Description length in nats; the smaller, the more likely.
    """

    columns: Mapping[str, Expression]
    factor: Expression = field(default_factory=lambda: Constant(1.0))
    offset: Expression = field(default_factory=lambda: Constant(0.0))
    transform: Transform = AS_IS
    length: float = 0.0

    def join(self, part: Expression) -> Expression:
        """An expression for y from one for p in the part's variables."""
        joined = part.substitute(self.columns)
        if self.factor != Constant(1.0):
            joined = self.factor * joined
        if self.offset != Constant(0.0):
            joined = self.offset + joined
        return self.transform.undo(joined)

    def question(self, whole: Question) -> Question | None:
        """What p is, from the rows of the whole; None if it is defined on too few of them."""
        training, validation = self.rows(whole.training), self.rows(whole.validation)
        if training is None or validation is None:
            return None
        return replace(
            whole,
            training=training,
            validation=validation,
            rules=_JoinedRules(self, whole.rules),
            precision=_ROUNDING * whole.precision,
        )

    def rows(self, whole: Rows) -> Rows | None:
        r"""Rows of the part; None if it is defined on less than four fifths of the whole's.

        Noise of equal size on y becomes noise of size :math:`|T'(y) / m|` on p, so that weights
        are multiplied by the inverse of its square.
        """
        values = whole.columns
        columns = [expression.evaluate(values) for expression in self.columns.values()]
        factor, offset = self.factor.evaluate(values), self.offset.evaluate(values)
        target = (self.transform.apply(whole.target) - offset) / factor
        weights = whole.weights * (factor / self.transform.slope(whole.target)).square()
        inputs = torch.stack([column.expand_as(target) for column in columns], 1)
        good = torch.isfinite(inputs).all(1) & torch.isfinite(target) & ~torch.isnan(weights)
        if int(good.sum()) < max(2.0, _LEAST_KEPT * len(target)):
            return None
        target, weights = target[good], weights[good]
        return Rows(inputs[good], target, _tempered(weights), tuple(self.columns))


class _JoinedRules:
    """Rules of the whole, asked about what becomes of a part.

    Arguments:
        reduction: How parts are joined.
        rules: Of the whole.
    """

    def __init__(self, reduction: Reduction, rules: ExpressionRules) -> None:
        self._reduction, self._rules = reduction, rules

    def allows(self, expression: Expression) -> bool:
        """Whether the joined expression may be the whole equation."""
        return self._rules.allows(self._reduction.join(expression))

    def tolerates(self, part: Expression) -> bool:
        """Whether this, in the variables of the whole, may be a part of an equation."""
        return self._rules.tolerates(part.substitute(self._reduction.columns))


def fresh_names(count: int, taken: tuple[str, ...]) -> list[str]:
    """Names for new columns, none of them taken.

    Arguments:
        count: How many.
        taken: Names in use.
    """
    names = (f"u{k}" for k in range(1, count + len(taken) + 1))
    return [name for name in names if name not in taken][:count]


def _tempered(weights: Tensor) -> Tensor:
    """Weights `(N,)` with mean 1 and no very small ones, all 1 if they are no use."""
    largest = weights.clamp(max=torch.finfo(weights.dtype).max).max()
    tempered = weights.clamp(min=largest / _LARGEST_RATIO, max=largest)
    mean = tempered.mean()
    usable = bool(torch.isfinite(mean) & (mean > 0))
    return tempered / mean if usable else torch.ones_like(weights)
