"""Losses of what states spell, and their feedback as a bias of the energy core."""

from esr.loss_bias.compression import Logarithmic, Saturating
from esr.loss_bias.contract import StateLoss, SymbolLoss
from esr.loss_bias.finite_change import finite_change_bias
from esr.loss_bias.gauss_newton import gauss_newton_bias, gauss_newton_energies
from esr.loss_bias.linear import linear_bias
from esr.loss_bias.slot_targets import OutputBank, SlotTargets, slot_targets
from esr.loss_bias.user_loss import RelaxedUserLoss, UserLoss
from esr.loss_bias.value_loss import DataLoss, TargetValue, ValueLoss

__all__ = [
    "DataLoss",
    "Logarithmic",
    "OutputBank",
    "RelaxedUserLoss",
    "Saturating",
    "SlotTargets",
    "StateLoss",
    "SymbolLoss",
    "TargetValue",
    "UserLoss",
    "ValueLoss",
    "finite_change_bias",
    "gauss_newton_bias",
    "gauss_newton_energies",
    "linear_bias",
    "slot_targets",
]
