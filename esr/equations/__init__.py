"""Equations as immutable trees, and what can be done with them."""

from esr.equations.angles import double_angles, reduced_phases, spread_phases
from esr.equations.application import apply
from esr.equations.constants import ConstantFit, fit_constants
from esr.equations.equality import symbolically_equal
from esr.equations.exponents import folded_exponents
from esr.equations.expression import Call, Constant, Expression, Variable
from esr.equations.least_squares import LeastSquares, levenberg_marquardt
from esr.equations.module import ExpressionModule
from esr.equations.parser import parse
from esr.equations.primitive_set import PrimitiveSet, UnknownPrimitiveError
from esr.equations.primitives import Interval, Primitive, Scale
from esr.equations.simplify import simplify
from esr.equations.standard import STANDARD
from esr.equations.sympy_bridge import from_sympy, to_sympy
from esr.equations.time_limit import TimeLimitExceeded, run_with_time_limit
from esr.equations.traversal import fold, postorder, prefix

__all__ = [
    "STANDARD",
    "Call",
    "Constant",
    "ConstantFit",
    "Expression",
    "ExpressionModule",
    "Interval",
    "LeastSquares",
    "Primitive",
    "PrimitiveSet",
    "Scale",
    "TimeLimitExceeded",
    "UnknownPrimitiveError",
    "Variable",
    "apply",
    "double_angles",
    "fit_constants",
    "fold",
    "folded_exponents",
    "from_sympy",
    "levenberg_marquardt",
    "parse",
    "postorder",
    "prefix",
    "reduced_phases",
    "run_with_time_limit",
    "simplify",
    "spread_phases",
    "symbolically_equal",
    "to_sympy",
]
