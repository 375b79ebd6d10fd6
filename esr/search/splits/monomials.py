"""Products of powers of variables: values, texts, and which of equivalent exponents are simple."""

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

from esr.equations import Call, Constant, Expression, Variable
from esr.equations.standard import SQRT

__all__ = [
    "monomial",
    "monomial_nodes",
    "monomial_text",
    "monomial_values",
    "snapped",
]

_SMALLEST = 1e-300


def monomial_values(inputs: Tensor, exponents: Tensor) -> Tensor:
    """Values of K monomials with whole exponents.

    Arguments:
        inputs: `(N, D)`.
        exponents: `(K, D)`, whole.
    Returns:
        Values `(K, N)`, infinite at poles.
    """
    logarithms = inputs.abs().clamp(min=_SMALLEST).log()
    odd = (exponents.abs() % 2).to(inputs.dtype)
    negative = (inputs < 0).to(inputs.dtype)
    signs = 1 - 2 * ((odd @ negative.mT) % 2)
    return signs * (exponents.to(inputs.dtype) @ logarithms.mT).exp()


def monomial(variables: Sequence[str], exponents: Sequence[Fraction | float]) -> Expression:
    """A product of powers as a fraction without negative exponents; halves as roots.

    Arguments:
        variables: D names.
        exponents: One per variable; 1 is the product of none.
    """
    above = [_power(n, e) for n, e in zip(variables, exponents, strict=True) if e > 0]
    below = [_power(n, -e) for n, e in zip(variables, exponents, strict=True) if e < 0]
    product = _product(above)
    return product / _product(below) if below else product


def monomial_text(variables: Sequence[str], exponents: Sequence[int]) -> str:
    """The same with whole exponents, as text."""
    powers = list(zip(variables, exponents, strict=True))
    above = [name if e == 1 else f"{name}**{e}" for name, e in powers if e > 0]
    below = [name if e == -1 else f"{name}**{-e}" for name, e in powers if e < 0]
    text = "*".join(above) or "1"
    return f"{text}/({'*'.join(below)})" if below else text


def monomial_nodes(exponents: Sequence[Fraction | float]) -> int:
    """Complexity of a monomial as `monomial` writes it, 0 if it is 1."""
    nodes = 0
    for exponent in exponents:
        if exponent != 0:
            nodes += 1 + _power_nodes(abs(exponent))
    if nodes == 0:
        return 0
    only_below = all(exponent <= 0 for exponent in exponents)
    return nodes + 1 if only_below else nodes - 1


def snapped(values: Tensor, denominators: Sequence[int]) -> Tensor:
    """The nearest fraction with one of these denominators for each value, same shape.

    Arguments:
        values: Any shape.
        denominators: At least one; of equally near ones the first counts.
    """
    choices = torch.stack([(values * d).round() / d for d in denominators])
    nearest = (choices - values).abs().argmin(0, keepdim=True)
    return choices.gather(0, nearest)[0]


def _power(name: str, exponent: Fraction | float) -> Expression:
    variable = Variable(name)
    if exponent == 1:
        return variable
    if exponent == 0.5:
        return Call(SQRT, (variable,))
    if exponent % 1 == 0.5:  # without `pow`
        return _power(name, exponent - 0.5) * Call(SQRT, (variable,))
    return variable ** float(exponent)


def _power_nodes(exponent: Fraction | float) -> int:
    """Complexity of what `_power` makes, without making it."""
    if exponent == 1 or exponent == 0.5:
        return 1 if exponent == 1 else 2
    return 3 + _power_nodes(exponent - 0.5) if exponent % 1 == 0.5 else 3


def _product(factors: Sequence[Expression]) -> Expression:
    if not factors:
        return Constant(1.0)
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return product
