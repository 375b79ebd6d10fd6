"""Dense associative memory: modern Hopfield layers with energies and three kinds of gradient."""

from esr.associative.association import Association
from esr.associative.fixed_point import FixedPoint, find_fixed_point
from esr.associative.gradients import Approach, Implicit, OneStep, RetrievalGradient, Unrolled
from esr.associative.heads import Heads, HeadSettings, Projections, RawPatterns
from esr.associative.layer import HopfieldLayer, Retrieval
from esr.associative.lookup import HopfieldLookup
from esr.associative.patterns import StoredPatterns
from esr.associative.pooling import HopfieldPooling
from esr.associative.slots import LeastUsed, Oldest, Replacement, Slots

__all__ = [
    "Approach",
    "Association",
    "FixedPoint",
    "HeadSettings",
    "Heads",
    "HopfieldLayer",
    "HopfieldLookup",
    "HopfieldPooling",
    "Implicit",
    "LeastUsed",
    "Oldest",
    "OneStep",
    "Projections",
    "RawPatterns",
    "Replacement",
    "Retrieval",
    "RetrievalGradient",
    "Slots",
    "StoredPatterns",
    "Unrolled",
    "find_fixed_point",
]
