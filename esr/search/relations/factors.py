"""What a product may be made of: variables, and further factors by their logarithms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import STANDARD, Call, Expression
from esr.search.relations.atoms import Atoms, arguments, functions_of, product_arguments
from esr.search.relations.desk import Desk
from esr.search.relations.exponents import laurent
from esr.search.relations.view import View

__all__ = ["Factors", "function_factors", "shifted_factors", "variable_factors"]

_SIZE, _SHIFTED, _EXPONENTIALS = 8, 250, 700
_ARGUMENTS = 250

Part = tuple[Expression, float]
"""A factor and its exponent."""


@dataclass(frozen=True)
class Factors:
    """Logarithms of what a product may be made of.

    Arguments:
        base: Constant 1 and logarithms of the variables that are never 0, `(N, 1 + B)`.
        variables: The B variables.
        columns: Logarithms of further factors, `(N, K)`; may be infinite.
        write: The factor of each column, and its exponent, from the column's coefficient.
    """

    base: Tensor
    variables: tuple[Expression, ...]
    columns: Tensor
    write: tuple[Callable[[float], Part], ...]

    def joined(self, other: "Factors") -> "Factors":
        """These and the further factors of another."""
        columns = torch.cat([self.columns, other.columns], 1)
        return Factors(self.base, self.variables, columns, self.write + other.write)


def variable_factors(view: View) -> Factors:
    """The variables alone."""
    nonzero = (view.values != 0).all(0)
    logs = view.values[:, nonzero].abs().log()
    base = torch.cat([torch.ones_like(view.values[:, :1]), logs], 1)
    variables = [v for v, fine in zip(view.variables, nonzero.tolist(), strict=True) if fine]
    return Factors(base, tuple(variables), view.values[:, :0], ())


def shifted_factors(view: View, desk: Desk) -> Factors:
    r"""The variables, :math:`1 \pm m`, :math:`e^{c m}` and :math:`x_i^{c x_j}`.

    The m are products of whole powers.

    Arguments:
        view: Whose variables.
        desk: Says what is allowed.
    """
    factors, primitives = variable_factors(view), desk.question.primitives
    products = product_arguments(
        view, desk.writer, laurent(len(view.variables), _SIZE, _EXPONENTIALS)
    )
    first = torch.arange(len(products)) < _SHIFTED
    factors = factors.joined(_one_plus(factors, products.where(first)))
    if primitives.get("exp") == STANDARD["exp"]:
        write = tuple(_exponential(build) for build in products.write)
        factors = factors.joined(_further(factors, products.values, write))
    if "pow" in primitives:
        factors = factors.joined(_variable_powers(factors, view))
    return factors


def function_factors(view: View, desk: Desk) -> Factors:
    """Functions f of simple arguments, and :math:`f \\pm 1`, beside the variables.

    Arguments:
        view: Whose variables.
        desk: Says what is allowed.
    """
    factors = variable_factors(view)
    called = functions_of(arguments(view, desk.writer, _ARGUMENTS), desk.question)
    write = tuple(_powered(build) for build in called.write)
    factors = factors.joined(_further(factors, called.values.abs().log(), write))
    return factors.joined(_one_plus(factors, called))


def _further(base: Factors, columns: Tensor, write: Sequence[Callable[[float], Part]]) -> Factors:
    return Factors(base.base, base.variables, columns, tuple(write))


def _one_plus(base: Factors, atoms: Atoms) -> Factors:
    """1 + a and 1 - a for atoms a."""
    columns = [(1 + atoms.values).abs().log(), (1 - atoms.values).abs().log()]
    write = [_shifted(build, sign) for sign in (1, -1) for build in atoms.write]
    return _further(base, torch.cat(columns, 1), write)


def _variable_powers(base: Factors, view: View) -> Factors:
    """x_j**(c*x_i) for variables x_j that are above 0."""
    columns: list[Tensor] = [view.values[:, :0]]
    write: list[Callable[[float], Part]] = []
    for below, values in zip(view.variables, view.values.unbind(1), strict=True):
        if bool((values > 0).all()):
            columns.append(view.values * values.log()[:, None])
            write += [_variable_power(below, above) for above in view.variables]
    return _further(base, torch.cat(columns, 1), write)


def _powered(build: Callable[[], Expression]) -> Callable[[float], Part]:
    return lambda exponent: (build(), exponent)


def _shifted(build: Callable[[], Expression], sign: int) -> Callable[[float], Part]:
    return lambda exponent: (1 + build() if sign > 0 else 1 - build(), exponent)


def _exponential(build: Callable[[], Expression]) -> Callable[[float], Part]:
    return lambda number: (Call(STANDARD["exp"], (_multiple(number, build()),)), 1.0)


def _variable_power(below: Expression, above: Expression) -> Callable[[float], Part]:
    return lambda number: (below ** _multiple(number, above), 1.0)


def _multiple(number: float, expression: Expression) -> Expression:
    if abs(number) == 1:
        return expression if number > 0 else -expression
    return number * expression
