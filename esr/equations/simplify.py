"""Simplifying expressions."""

import sympy

from esr.equations.agreement import compare
from esr.equations.exact import decimal_fraction
from esr.equations.expression import Expression
from esr.equations.folding import fold_constants
from esr.equations.primitive_set import PrimitiveSet
from esr.equations.primitives import Primitive
from esr.equations.standard import ARITHMETIC, STANDARD
from esr.equations.sympy_bridge import from_sympy, sympy_functions, to_sympy
from esr.equations.time_limit import TimeLimitExceeded, run_with_time_limit

__all__ = ["simplify"]

_TOLERANCE = 1e-11  # of values, relative to the largest intermediate result
_GROWTH, _ALLOWANCE = 3, 20  # a form may have this many times more nodes when expanded, plus these


def simplify(
    expression: Expression,
    *,
    seconds: float = 5.0,
    primitives: PrimitiveSet = STANDARD,
    expand: bool = True,
) -> Expression:
    """A flatter expression of the same value.

    Products of sums are multiplied out, numeric factors collected, equal terms merged and zero
    terms dropped, with the constants read as decimals (so that 0.1 + 0.2 - 0.3 is 0). Where
    multiplying out makes the expression much longer, as for `(x + 1)**10`, it is left out. The
    result is compared with the input at fixed points, and must not be undefined where the input
    is not; otherwise the input comes back.

    Arguments:
        expression: Any expression.
        seconds: Time limit, above 0; the input comes back unchanged when it is exceeded.
        primitives: The functions that may occur in the result.
        expand: Whether products of sums may be multiplied out.
    Returns:
        An expression whose values agree with the input's to 1e-11 of the largest intermediate
        result, wherever the input is defined.
    Raises:
        ValueError: If `seconds` is not above 0.
    """
    folded = fold_constants(expression)
    try:
        forms = run_with_time_limit(lambda: _forms(folded, primitives, expand), seconds)
    except TimeLimitExceeded:
        return expression
    for form in (*forms, folded):
        agreement = compare(expression, form, _TOLERANCE)
        if not (agreement.apart.any() or agreement.lost.any()):
            return form
    return expression


def _formulas(primitives: PrimitiveSet) -> list[Primitive]:
    """Primitives that sympy would replace by a formula which reads worse, such as `sigmoid`."""
    functions = sympy_functions(primitives).values()
    bases = (primitive.base for primitive in primitives.values())
    return [base for base in bases if base.name not in functions and base not in ARITHMETIC]


def _forms(expression: Expression, primitives: PrimitiveSet, expand: bool) -> list[Expression]:
    """What to try, best first: multiplied out, and as sympy holds it."""
    try:
        plain = to_sympy(expression, number=decimal_fraction, opaque=_formulas(primitives))
        short = from_sympy(plain, primitives)
        if not expand:
            return [short]
        expanded = sympy.expand(plain, power_exp=False, power_base=False, log=False)
        flat = from_sympy(expanded, primitives)
    except (ValueError, TypeError, ArithmeticError, NotImplementedError, RecursionError):
        return []  # something that sympy or the primitives cannot express, such as 1/0
    limit = _GROWTH * short.complexity + _ALLOWANCE
    return [flat, short] if flat.complexity <= limit else [short]
