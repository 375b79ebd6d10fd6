"""The energy core: networks of relaxed choices, their couplings, energies and dynamics."""

from esr.hopfield.activation import Activation, Sigmoid, Softmax
from esr.hopfield.conditionals import Conditionals
from esr.hopfield.couplings import Couplings, Explanation
from esr.hopfield.discrete import multilinear
from esr.hopfield.gibbs import ExternalField, GibbsSampler
from esr.hopfield.grid import Axis, Grid
from esr.hopfield.hard import HardRules
from esr.hopfield.network import HopfieldNetwork
from esr.hopfield.search import Annealing, ReplicaExchange, SearchProgress, Solution
from esr.hopfield.term import CouplingTerm

__all__ = [
    "Activation",
    "Annealing",
    "Axis",
    "Conditionals",
    "CouplingTerm",
    "Couplings",
    "Explanation",
    "ExternalField",
    "GibbsSampler",
    "Grid",
    "HardRules",
    "HopfieldNetwork",
    "ReplicaExchange",
    "SearchProgress",
    "Sigmoid",
    "Softmax",
    "Solution",
    "multilinear",
]
