"""esr finds equations: energy-based models and equation learners behind one trainer."""

from esr.associative import HopfieldLayer
from esr.equations import Expression, Primitive, PrimitiveSet
from esr.hopfield import HopfieldNetwork
from esr.models import Batch, Energy, EnergyModel, FunctionModel, SymbolicModel
from esr.optim import HebbianOptimizer
from esr.problem import Problem
from esr.random import RandomStreams
from esr.rules import RuleProgram
from esr.training import Phase, Trainer

__all__ = [
    "Batch",
    "Energy",
    "EnergyModel",
    "Expression",
    "FunctionModel",
    "HebbianOptimizer",
    "HopfieldLayer",
    "HopfieldNetwork",
    "Phase",
    "Primitive",
    "PrimitiveSet",
    "Problem",
    "RandomStreams",
    "RuleProgram",
    "SymbolicModel",
    "Trainer",
]
