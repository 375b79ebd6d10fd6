"""The loss of what a state spells as an energy outside the network, for exact conditionals."""

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.loss_bias import SymbolLoss

__all__ = ["LossField"]


class LossField:
    """Minus the loss of every symbol that could stand at a slot: a bias that is always exact.

    Each alternative is spelled and evaluated, so a slot costs R * S evaluations.

    Arguments:
        loss: Of states as symbols; infinite where a state spells nothing.
        weight: Energy of a loss of one, positive.
        penalty: Energy of a state that spells nothing, positive and finite, so that searches can
            pass through such states.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    def __init__(self, loss: SymbolLoss, weight: float = 1.0, penalty: float = 20.0) -> None:
        if not weight > 0 or not 0 < penalty < float("inf"):
            raise ConfigurationError(
                f"weight must be positive and penalty positive and finite, but they are {weight} "
                f"and {penalty}"
            )
        self.loss, self.weight, self.penalty = loss, weight, penalty

    def field(self, symbols: Tensor, slots: Tensor) -> Tensor:
        """Minus the energy of each symbol of some slots, `(R, C, S)`, for states `(R, G)`."""
        replicas, width = len(symbols), len(self.loss.layout.symbols)
        every = torch.arange(width, device=symbols.device)
        tried = symbols[:, None, None].repeat(1, len(slots), width, 1)  # (R, C, S, G)
        for place, slot in enumerate(slots.tolist()):
            tried[:, place, :, slot] = every
        energies = self.energy(tried.flatten(0, 2))
        return -energies.view(replicas, len(slots), width)

    def energy(self, symbols: Tensor) -> Tensor:
        """The loss as an energy, `(R,)`, at most the penalty."""
        losses = self.weight * self.loss.of_symbols(symbols)
        return losses.nan_to_num(nan=self.penalty).clamp(max=self.penalty)
