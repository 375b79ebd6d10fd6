"""Relaxed programs: slots whose operators and pointers are relaxed choices."""

from esr.relaxed_program.choices import Relaxation
from esr.relaxed_program.couplings import Prices
from esr.relaxed_program.layout import Slots
from esr.relaxed_program.model import RelaxedProgram

__all__ = ["Prices", "Relaxation", "RelaxedProgram", "Slots"]
