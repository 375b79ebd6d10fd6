"""The standard primitives."""

import sympy
import torch
from torch import Tensor

from esr.equations import derivatives
from esr.equations import second_derivatives as twice
from esr.equations.primitive_set import PrimitiveSet
from esr.equations.primitives import Interval, Primitive

__all__ = [
    "ADD",
    "ARITHMETIC",
    "CUBE",
    "DIV",
    "IDENTITY",
    "INVERSE",
    "MUL",
    "NEG",
    "POW",
    "SQRT",
    "SQUARE",
    "STANDARD",
    "SUB",
]

_NON_NEGATIVE = Interval(low=0.0)
_POSITIVE = Interval(low=0.0, closed_low=False)
_UNIT = Interval(-1.0, 1.0)


def _identity(x: Tensor) -> Tensor:
    return x


def _cube(x: Tensor) -> Tensor:
    return x * x * x


def _gaussian(x: Tensor) -> Tensor:
    return torch.exp(-torch.square(x))


def _sympy_identity(x: sympy.Expr) -> sympy.Expr:
    return x


def _sympy_add(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    return x + y


def _sympy_sub(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    return x - y


def _sympy_mul(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    return x * y


def _sympy_div(x: sympy.Expr, y: sympy.Expr) -> sympy.Expr:
    return x / y


def _sympy_neg(x: sympy.Expr) -> sympy.Expr:
    return -x


def _sympy_square(x: sympy.Expr) -> sympy.Expr:
    return x**2


def _sympy_cube(x: sympy.Expr) -> sympy.Expr:
    return x**3


def _sympy_inverse(x: sympy.Expr) -> sympy.Expr:
    return 1 / x


def _sympy_sigmoid(x: sympy.Expr) -> sympy.Expr:
    return 1 / (1 + sympy.exp(-x))


def _sympy_gaussian(x: sympy.Expr) -> sympy.Expr:
    return sympy.exp(-(x**2))


ADD = Primitive("add", 2, torch.add, _sympy_add, derivative=twice.ADD)
SUB = Primitive("sub", 2, torch.sub, _sympy_sub, derivative=twice.SUB)
MUL = Primitive("mul", 2, torch.mul, _sympy_mul, derivative=twice.MUL)
DIV = Primitive("div", 2, torch.div, _sympy_div, derivative=twice.DIV)
"""Quotient; infinite or NaN where the divisor is 0."""
POW = Primitive(
    "pow",
    2,
    torch.pow,
    sympy.Pow,
    (_POSITIVE, Interval()),
    derivative=derivatives.d_pow,
)
"""Power. The domain is the one for every exponent: a whole exponent takes any base (any but 0
if it is negative), which tensors compute by its value, so that `(-2.0)**3.0` is -8; for another
exponent a negative base gives NaN."""
NEG = Primitive("neg", 1, torch.neg, _sympy_neg, derivative=twice.NEG)
IDENTITY = Primitive("identity", 1, _identity, _sympy_identity, derivative=twice.IDENTITY)
SQUARE = Primitive("square", 1, torch.square, _sympy_square, derivative=twice.SQUARE)
CUBE = Primitive("cube", 1, _cube, _sympy_cube, derivative=twice.CUBE)
INVERSE = Primitive("inverse", 1, torch.reciprocal, _sympy_inverse, derivative=twice.INVERSE)
SQRT = Primitive(
    "sqrt", 1, torch.sqrt, sympy.sqrt, (_NON_NEGATIVE,), derivative=derivatives.d_sqrt
)

ARITHMETIC = (ADD, SUB, MUL, DIV, POW, NEG, IDENTITY, SQUARE, CUBE, INVERSE, SQRT)
"""The primitives that sympy holds as sums, products and powers."""

STANDARD = PrimitiveSet(
    (
        *ARITHMETIC,
        Primitive("exp", 1, torch.exp, sympy.exp, derivative=twice.EXP),
        Primitive("log", 1, torch.log, sympy.log, (_POSITIVE,), derivative=derivatives.d_log),
        Primitive("sin", 1, torch.sin, sympy.sin, derivative=twice.SIN),
        Primitive("cos", 1, torch.cos, sympy.cos, derivative=twice.COS),
        Primitive("tan", 1, torch.tan, sympy.tan, derivative=derivatives.d_tan),
        Primitive("asin", 1, torch.asin, sympy.asin, (_UNIT,), derivative=derivatives.d_asin),
        Primitive("acos", 1, torch.acos, sympy.acos, (_UNIT,), derivative=derivatives.d_acos),
        Primitive("atan", 1, torch.atan, sympy.atan, derivative=derivatives.d_atan),
        Primitive("sinh", 1, torch.sinh, sympy.sinh, derivative=twice.SINH),
        Primitive("cosh", 1, torch.cosh, sympy.cosh, derivative=twice.COSH),
        Primitive("tanh", 1, torch.tanh, sympy.tanh, derivative=twice.TANH),
        Primitive("sigmoid", 1, torch.sigmoid, _sympy_sigmoid, derivative=twice.SIGMOID),
        Primitive("gaussian", 1, _gaussian, _sympy_gaussian, derivative=twice.GAUSSIAN),
        Primitive("abs", 1, torch.abs, sympy.Abs, derivative=derivatives.d_abs),
        Primitive("max", 2, torch.maximum, sympy.Max),
        Primitive("min", 2, torch.minimum, sympy.Min),
    )
)
"""All of them. `gaussian` is exp(-x**2); `identity`, `square`, `cube` and `inverse` are units of
learners, which `apply` writes out as x, x**2, x**3 and 1/x."""
