"""Meta-learning: initialisations from which a model learns a new function in a few steps."""

from esr.meta.adaptation import (
    Adaptation,
    TunedRate,
    adaptation_errors,
    adapted_copies,
    tuned,
)
from esr.meta.copies import Copies
from esr.meta.episodes import Episodes
from esr.meta.family import Family, single_family
from esr.meta.functions import Functions
from esr.meta.inner_loop import Adapted, InnerLoop
from esr.meta.learner import Learner
from esr.meta.member import Member
from esr.meta.objectives import MAML, Joint, Reptile, Untrained
from esr.meta.rates import InnerRates
from esr.meta.summary import ErrorSummary
from esr.meta.yardsticks import least_squares_errors, scratch_errors, zero_errors

__all__ = [
    "MAML",
    "Adaptation",
    "Adapted",
    "Copies",
    "Episodes",
    "ErrorSummary",
    "Family",
    "Functions",
    "InnerLoop",
    "InnerRates",
    "Joint",
    "Learner",
    "Member",
    "Reptile",
    "TunedRate",
    "Untrained",
    "adaptation_errors",
    "adapted_copies",
    "least_squares_errors",
    "scratch_errors",
    "single_family",
    "tuned",
    "zero_errors",
]
