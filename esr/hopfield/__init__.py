"""The energy core: networks of relaxed choices, their couplings, energies and dynamics."""

from esr.hopfield.activation import Activation, Sigmoid, Softmax
from esr.hopfield.conditionals import Conditionals
from esr.hopfield.couplings import Couplings, Explanation
from esr.hopfield.diagnosis import Diagnosis, diagnose
from esr.hopfield.discrete import multilinear
from esr.hopfield.forest import ForestDistribution
from esr.hopfield.gibbs import ExternalField, GibbsSampler
from esr.hopfield.graded import GradedDynamics, Trajectory, computed_step
from esr.hopfield.grid import Axis, Grid
from esr.hopfield.hard import HardRules
from esr.hopfield.mean_field import MeanField, anneal_mean_field
from esr.hopfield.network import HopfieldNetwork
from esr.hopfield.pairwise import PairwiseNetwork, forest_of, pairwise_of
from esr.hopfield.rooted import RootedForest
from esr.hopfield.search import Annealing, ReplicaExchange, SearchProgress, Solution
from esr.hopfield.searcher import Goal, Searcher
from esr.hopfield.spectrum import Eigenpairs, extreme_eigenpairs
from esr.hopfield.state_model import NetworkState
from esr.hopfield.term import CouplingTerm

__all__ = [
    "Activation",
    "Annealing",
    "Axis",
    "Conditionals",
    "CouplingTerm",
    "Couplings",
    "Diagnosis",
    "Eigenpairs",
    "Explanation",
    "ExternalField",
    "ForestDistribution",
    "GibbsSampler",
    "Goal",
    "GradedDynamics",
    "Grid",
    "HardRules",
    "HopfieldNetwork",
    "MeanField",
    "NetworkState",
    "PairwiseNetwork",
    "ReplicaExchange",
    "RootedForest",
    "SearchProgress",
    "Searcher",
    "Sigmoid",
    "Softmax",
    "Solution",
    "Trajectory",
    "anneal_mean_field",
    "computed_step",
    "diagnose",
    "extreme_eigenpairs",
    "forest_of",
    "multilinear",
    "pairwise_of",
]
