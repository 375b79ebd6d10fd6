"""esr finds equations: energy-based models and equation learners behind one trainer."""

from esr.associative import HopfieldLayer
from esr.equations import Expression, Primitive, PrimitiveSet
from esr.models import Batch, Energy, EnergyModel, FunctionModel, SymbolicModel
from esr.problem import Problem
from esr.random import RandomStreams
from esr.training import Phase, Trainer

__all__ = [
    "Batch",
    "Energy",
    "EnergyModel",
    "Expression",
    "FunctionModel",
    "HopfieldLayer",
    "Phase",
    "Primitive",
    "PrimitiveSet",
    "Problem",
    "RandomStreams",
    "SymbolicModel",
    "Trainer",
]
