"""Meta-learning: initialisations from which a model learns a new function in a few steps."""

from esr.meta.copies import Copies
from esr.meta.episodes import Episodes
from esr.meta.family import Family, single_family
from esr.meta.functions import Functions
from esr.meta.inner_loop import Adapted, InnerLoop
from esr.meta.learner import Learner
from esr.meta.member import Member
from esr.meta.objectives import MAML, Joint, Reptile, Untrained
from esr.meta.rates import InnerRates

__all__ = [
    "MAML",
    "Adapted",
    "Copies",
    "Episodes",
    "Family",
    "Functions",
    "InnerLoop",
    "InnerRates",
    "Joint",
    "Learner",
    "Member",
    "Reptile",
    "Untrained",
    "single_family",
]
