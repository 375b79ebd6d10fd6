"""The energy core: networks of relaxed choices, their couplings, energies and dynamics."""

from esr.hopfield.forest import ForestDistribution
from esr.hopfield.grid import Axis, Grid
from esr.hopfield.pairwise import PairwiseNetwork, forest_of, pairwise_of
from esr.hopfield.rooted import RootedForest
from esr.hopfield.term import CouplingTerm

__all__ = [
    "Axis",
    "CouplingTerm",
    "ForestDistribution",
    "Grid",
    "PairwiseNetwork",
    "RootedForest",
    "forest_of",
    "pairwise_of",
]
