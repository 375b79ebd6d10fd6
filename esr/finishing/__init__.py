"""From a trained symbolic model's readings to one equation: eliminate, snap, choose."""

from esr.finishing.elimination import Finished, eliminate_terms, elimination_path
from esr.finishing.finish import FinishedFront, finish_readings, is_exact, rounding_floor
from esr.finishing.front import (
    MACHINE_PRECISION,
    Candidate,
    choose,
    description_length,
    pareto_front,
)
from esr.finishing.ranking import promising_order
from esr.finishing.selection import are_undecided, select_blocks
from esr.finishing.simple_numbers import constant_price, simple_values
from esr.finishing.snapping import snap_constants

__all__ = [
    "MACHINE_PRECISION",
    "Candidate",
    "Finished",
    "FinishedFront",
    "are_undecided",
    "choose",
    "constant_price",
    "description_length",
    "eliminate_terms",
    "elimination_path",
    "finish_readings",
    "is_exact",
    "pareto_front",
    "promising_order",
    "rounding_floor",
    "select_blocks",
    "simple_values",
    "snap_constants",
]
