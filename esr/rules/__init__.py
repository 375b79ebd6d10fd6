"""A language of rules that programs the couplings of a Hopfield network."""

from esr.rules.formatter import format_rules
from esr.rules.instances import MOST_COMBINATIONS, MOST_INSTANCES
from esr.rules.printing import rules_text
from esr.rules.program import CompiledRules, RuleProgram, standard

__all__ = [
    "MOST_COMBINATIONS",
    "MOST_INSTANCES",
    "CompiledRules",
    "RuleProgram",
    "format_rules",
    "rules_text",
    "standard",
]
