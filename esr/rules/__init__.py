"""A language of rules that programs the couplings of a Hopfield network."""

from esr.rules.printing import rules_text

__all__ = ["rules_text"]
