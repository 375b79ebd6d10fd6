"""The energy core: networks of relaxed choices, their couplings, energies and dynamics."""

from esr.hopfield.grid import Axis, Grid
from esr.hopfield.term import CouplingTerm

__all__ = ["Axis", "CouplingTerm", "Grid"]
