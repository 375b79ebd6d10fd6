"""From a trained symbolic model's readings to one equation: eliminate, snap, choose."""

from esr.finishing.elimination import Finished, eliminate_terms, elimination_path
from esr.finishing.front import Candidate, choose, description_length, pareto_front
from esr.finishing.snapping import snap_constants

__all__ = [
    "Candidate",
    "Finished",
    "choose",
    "description_length",
    "eliminate_terms",
    "elimination_path",
    "pareto_front",
    "snap_constants",
]
