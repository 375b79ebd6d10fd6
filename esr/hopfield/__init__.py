"""The energy core: networks of relaxed choices, their couplings, energies and dynamics."""

from esr.hopfield.conditionals import Conditionals
from esr.hopfield.couplings import Couplings, Explanation
from esr.hopfield.discrete import as_groups, from_groups, multilinear, priced
from esr.hopfield.gibbs import ExternalField, GibbsSampler
from esr.hopfield.grid import Axis, Grid
from esr.hopfield.term import CouplingTerm

__all__ = [
    "Axis",
    "Conditionals",
    "CouplingTerm",
    "Couplings",
    "Explanation",
    "ExternalField",
    "GibbsSampler",
    "Grid",
    "as_groups",
    "from_groups",
    "multilinear",
    "priced",
]
