"""The energy core: networks of relaxed choices, their couplings, energies and dynamics."""

from esr.hopfield.couplings import Couplings, Explanation
from esr.hopfield.discrete import multilinear
from esr.hopfield.dynamics.activation import Activation, Sigmoid, Softmax
from esr.hopfield.dynamics.conditionals import Conditionals
from esr.hopfield.dynamics.exact_sampling import ExactSampling
from esr.hopfield.dynamics.gibbs import ExternalField, GibbsSampler
from esr.hopfield.dynamics.graded import GradedDynamics, Trajectory, computed_step
from esr.hopfield.dynamics.mean_field import MeanField, anneal_mean_field
from esr.hopfield.dynamics.search import Annealing, ReplicaExchange, SearchProgress, Solution
from esr.hopfield.dynamics.searcher import Goal, Searcher
from esr.hopfield.dynamics.state_model import NetworkState
from esr.hopfield.exact.forest import ForestDistribution
from esr.hopfield.exact.pairwise import PairwiseNetwork, forest_of, pairwise_of
from esr.hopfield.exact.rooted import RootedForest
from esr.hopfield.grid import Axis, Grid
from esr.hopfield.hard import HardRules
from esr.hopfield.network import HopfieldNetwork
from esr.hopfield.spectrum.diagnosis import Diagnosis, diagnose
from esr.hopfield.spectrum.eigenpairs import Eigenpairs, extreme_eigenpairs
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
    "ExactSampling",
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
