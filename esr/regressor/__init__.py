"""The front door: equations from a table of numbers, in the manner of scikit-learn."""

from esr.regressor.engines import installed_engines
from esr.regressor.estimator import SymbolicRegressor
from esr.regressor.formula import FormulaFit, fit_formula
from esr.regressor.table import EquationRow, EquationTable

__all__ = [
    "EquationRow",
    "EquationTable",
    "FormulaFit",
    "SymbolicRegressor",
    "fit_formula",
    "installed_engines",
]
