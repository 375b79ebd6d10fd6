"""Cutting a question into parts with fewer variables, which another engine solves."""

from esr.search.splits.part_front import PartFront, part_front
from esr.search.splits.powers import power_product, power_splits
from esr.search.splits.reduction import Reduction
from esr.search.splits.remainders import remainder_splits
from esr.search.splits.smoothness import Smoothness, smoothness
from esr.search.splits.splits import Splits, SplitSettings
from esr.search.splits.sums import sum_splits
from esr.search.splits.surrogate import Surrogate, fit_surrogate
from esr.search.splits.symmetry import symmetric_splits

__all__ = [
    "PartFront",
    "Reduction",
    "Smoothness",
    "SplitSettings",
    "Splits",
    "Surrogate",
    "fit_surrogate",
    "part_front",
    "power_product",
    "power_splits",
    "remainder_splits",
    "smoothness",
    "sum_splits",
    "symmetric_splits",
]
