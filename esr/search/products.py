"""Equations as products where they can be: common factors out of sums, also under roots."""

import sympy

from esr.equations import Expression, from_sympy, run_with_time_limit, to_sympy
from esr.equations.exact import decimal_fraction
from esr.equations.time_limit import TimeLimitExceeded

__all__ = ["with_products"]

_LONG = 10**7
"""Numbers with larger numerators or denominators are fitted, and have no common factors."""


def with_products(expression: Expression, *, seconds: float = 1.0) -> Expression | None:
    """The same function with sums of fractions joined and common factors taken out of sums.

    Arguments:
        expression: Any expression. Numbers that are not short decimals stay whole.
        seconds: Time limit.
    Returns:
        The new form; None if it takes too long or has no counterpart among the primitives.
    """

    def rewritten() -> Expression:
        given = to_sympy(expression, number=decimal_fraction)
        names = {
            number: sympy.Dummy(real=True)
            for number in given.atoms(sympy.Rational)
            if abs(number.p) > _LONG or number.q > _LONG
        }
        form = sympy.factor(sympy.together(given.xreplace(names)), deep=True)
        back = {symbol: number for number, symbol in names.items()}
        return from_sympy(_with_few_minus_signs(form).xreplace(back))

    try:
        return run_with_time_limit(rewritten, seconds)
    except (TimeLimitExceeded, ValueError, TypeError, ArithmeticError, NotImplementedError):
        return None
    except (sympy.PolynomialError, RecursionError):
        return None


def _with_few_minus_signs(form: sympy.Expr) -> sympy.Expr:
    """With (c + v)/(c - v) in place of -(c + v)/(-c + v), everywhere."""

    def flipped(product: sympy.Expr) -> sympy.Expr:
        number, factors = product.as_coeff_mul()
        if number >= 0:
            return product
        for factor in factors:
            base, exponent = factor.as_base_exp()
            odd = exponent.is_Integer and exponent % 2 == 1
            if odd and base.is_Add and _minus_signs(-base) <= _minus_signs(base):
                return product / factor * -1 * (-base) ** exponent
        return product

    return form.replace(lambda part: part.is_Mul, flipped)


def _minus_signs(total: sympy.Expr) -> int:
    return sum(term.could_extract_minus_sign() for term in total.args)
