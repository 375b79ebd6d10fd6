"""Rewriting equations by the signs of their columns: sqrt(m**2*x) is m*sqrt(x) for m > 0."""

import sympy
from torch import Tensor

from esr.equations import Expression, from_sympy, run_with_time_limit, to_sympy
from esr.equations.time_limit import TimeLimitExceeded
from esr.search.question import Rows

__all__ = ["with_signs"]


def with_signs(expression: Expression, rows: Rows, *, seconds: float = 2.0) -> Expression | None:
    """The same function on the rows, with even roots of powers of signed columns taken.

    Arguments:
        expression: Any expression in the variables of the rows.
        rows: A column is signed if all its values there are above zero, or all below.
        seconds: Time limit.
    Returns:
        The new form; None if it takes too long or has no counterpart among the primitives.
    """
    given = to_sympy(expression)
    signed = {name: _sign(column) for name, column in rows.columns.items()}
    real = {name: sympy.Symbol(name, real=True) for name in signed}
    positive = {name: sympy.Symbol(f"{name}_", positive=True) for name in signed}

    def rewritten() -> Expression:
        names = [name for name in expression.variables if signed[name] != 0]
        there = {real[name]: signed[name] * positive[name] for name in names}
        back = {positive[name]: signed[name] * real[name] for name in names}
        form = sympy.expand_power_base(given.xreplace(there), force=False)
        return from_sympy(form.xreplace(back))

    try:
        return run_with_time_limit(rewritten, seconds)
    except (TimeLimitExceeded, ValueError):
        return None


def _sign(column: Tensor) -> int:
    """1 or -1 if all values have that sign, else 0."""
    return int(bool((column > 0).all())) - int(bool((column < 0).all()))
