"""Learning the couplings of a network from examples of its states."""

from esr.hopfield.learning.contrastive import ContrastiveHebbian, Phases, exact_samples
from esr.hopfield.learning.coupling_model import CouplingModel
from esr.hopfield.learning.gauge import plain_gauge
from esr.hopfield.learning.hard_zeros import HardZeros
from esr.hopfield.learning.learner import NetworkLearner
from esr.hopfield.learning.maximum_likelihood import MaximumLikelihood
from esr.hopfield.learning.pseudo_likelihood import PseudoLikelihood, local_fields
from esr.hopfield.learning.wiring import Wiring

__all__ = [
    "ContrastiveHebbian",
    "CouplingModel",
    "HardZeros",
    "MaximumLikelihood",
    "NetworkLearner",
    "Phases",
    "PseudoLikelihood",
    "Wiring",
    "exact_samples",
    "local_fields",
    "plain_gauge",
]
