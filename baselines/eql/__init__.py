"""Equation learner: a network whose activations are primitives and whose weights are sparse."""

from baselines.eql.network import EQL
from baselines.eql.units import PAPER_UNITS, UnitGroup, paper_layers
from esr.structure import NoStructure, RelaxedL0, SmoothedL05

__all__ = [
    "EQL",
    "PAPER_UNITS",
    "NoStructure",
    "RelaxedL0",
    "SmoothedL05",
    "UnitGroup",
    "paper_layers",
]
