"""The logarithm of a target's size: what is a sum there is a product of powers."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations import Call, Constant, Expression, Primitive
from esr.equations.standard import SQRT
from esr.search.recall.transform import Transform
from esr.search.recall.view import Projection, Written

__all__ = ["PowerView"]

_LARGEST_POWER = 8.0
_ZERO = 1e-9


class PowerView(Projection):
    r"""A target as a product of powers of variables, and of powers or exponentials of behaviours.

    .. math:: y = c \prod_d x_d^{e_d} \prod_i f_i^{a_i}
              \quad\text{or}\quad y = c \prod_d x_d^{e_d} \exp\big(\textstyle\sum_i a_i f_i\big)

    The exponents are rounded to halves, or to whole numbers where there is no square root; the
    factors inside an exponential are not.

    Arguments:
        target: :math:`y`, never 0, `(N,)`.
        weights: Weights of the rows, `(N,)`.
        variables: Which may have powers.
        columns: Their values, never 0, `(D, N)`.
        half: Whether half powers are allowed.
        exponential: The exponential function for the second form; `None` for the first.
    """

    def __init__(
        self,
        target: Tensor,
        weights: Tensor,
        variables: Sequence[Expression],
        columns: Tensor,
        half: bool,
        exponential: Primitive | None = None,
    ) -> None:
        basis = torch.cat([torch.ones_like(target)[None], columns.abs().log()])
        size = target.abs()
        super().__init__(Transform(size.log(), 1 / size, lambda e: e), weights, basis)
        self._variables, self._values = list(variables), columns
        self._weighted, self._roots = target * weights.sqrt(), weights.sqrt()
        self.adds_behaviours = exponential is not None
        self._step, self._exponential = 0.5 if half else 1.0, exponential

    def patterns(self, values: Tensor) -> Tensor:
        """Logarithms of sizes, NaN where a behaviour gets too near to 0; or the behaviours."""
        if self._exponential is not None:
            return values
        size = values.abs()
        small = size.amin(1) <= _ZERO * size.amax(1)
        return size.log().masked_fill(small[:, None], torch.nan)

    def tangents(self, values: Tensor, changes: Tensor) -> Tensor:
        """Relative changes; or the changes."""
        return changes if self._exponential is not None else changes / values

    def write(self, terms: Sequence[Expression], values: Tensor) -> Written | None:
        """As `View.write`, with rounded exponents."""
        columns = torch.cat([self.columns, self.patterns(values) * self.weights])
        lengths = columns.norm(dim=1, keepdim=True)
        if not bool(torch.isfinite(columns).all()):
            return None
        solution = torch.linalg.lstsq((columns / lengths).T, self.whole[:, None]).solution
        powers = (solution / lengths)[1:, 0].tolist()
        product = torch.ones_like(self._roots)
        factors = list[tuple[Expression, float]]()
        bases = zip(
            [*self._variables, *terms], torch.cat([self._values, values]), powers, strict=True
        )
        for place, (term, base, power) in enumerate(bases):
            if place >= len(self._variables) and self._exponential is not None:
                factors.append((Call(self._exponential, (power * term,)), 1.0))
                product = product * torch.exp(power * base)
                continue
            power = round(power / self._step) * self._step
            if abs(power) > _LARGEST_POWER:
                return None
            if power != 0:
                factors.append((term, power))
                product = product * base**power
        product = product * self._roots
        scale = float((product @ self._weighted) / product.square().sum())
        error = float((self._weighted - scale * product).square().sum())
        if not math.isfinite(error):
            return None
        return _written(scale, factors), error


def _written(scale: float, factors: Sequence[tuple[Expression, float]]) -> Expression:
    """A number times powers, those with negative exponents below a fraction bar."""
    above = [_power(base, power) for base, power in factors if power > 0]
    below = [_power(base, -power) for base, power in factors if power < 0]
    result: Expression = Constant(scale)
    for factor in above:
        result = result * factor
    if below:
        divisor = below[0]
        for factor in below[1:]:
            divisor = divisor * factor
        result = result / divisor
    return result


def _power(base: Expression, power: float) -> Expression:
    """A power with a positive exponent that is a multiple of a half."""
    if power == 1:
        return base
    whole = int(power)
    if power == whole:
        return base**whole
    root = Call(SQRT, (base,))
    return root if whole == 0 else (base * root if whole == 1 else base**whole * root)
