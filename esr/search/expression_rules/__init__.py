"""Rules of users about equations, in the rule language."""

from esr.search.expression_rules.compiler import EquationRules, compile_rules

__all__ = ["EquationRules", "compile_rules"]
