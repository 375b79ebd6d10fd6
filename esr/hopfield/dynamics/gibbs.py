"""Gibbs sampling: slots drawn from their exact conditionals, one colour class after the other."""

from typing import Protocol

import torch
from torch import Generator, Tensor

from esr.hopfield.dynamics.conditionals import Conditionals

__all__ = ["ExternalField", "GibbsSampler"]


class ExternalField(Protocol):
    """An energy from outside the network, such as the loss of what a state spells."""

    def field(self, symbols: Tensor, slots: Tensor) -> Tensor:
        """Minus the energy of every symbol of some slots, `(R, C, S)`, given all else of the
        state `(R, G)`; a constant for each slot does not matter."""
        ...

    def energy(self, symbols: Tensor) -> Tensor:
        """The energy of states `(R, G)`, `(R,)`."""
        ...


class GibbsSampler:
    r"""Draws each slot from its conditional distribution given all others.

    .. math:: p(x_g = s \mid \text{others}) \propto e^{(F_{gs} + I_{gs})/T}

    At temperature zero it takes the best symbol, and the energy never rises.

    Arguments:
        conditionals: Of the network.
        external: Added to the field; its slots must then be updated one by one
            (`Conditionals(one_by_one=True)`).
    """

    def __init__(self, conditionals: Conditionals, external: ExternalField | None = None) -> None:
        self.conditionals, self.external = conditionals, external

    def sweep(
        self, symbols: Tensor, temperature: Tensor, *, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Every slot drawn once.

        Arguments:
            symbols: The state, `(R, G)`; not changed.
            temperature: Of each replica, `(R,)`, in units of energy, at least 0.
        Returns:
            The new state, and by how much the network's own energy rose, `(R,)`.
        """
        symbols, rise = symbols.clone(), torch.zeros_like(temperature)
        for group in self.conditionals.classes:
            field = self.conditionals.field(symbols, group)  # (R, C, S)
            pull = field
            if self.external is not None:
                pull = field + self.external.field(symbols, group.slots).to(field)
            noise = torch.empty_like(pull).exponential_(generator=generator).log_().neg_()
            drawn = noise.mul_(temperature[:, None, None]).add_(pull).argmax(2)  # Gumbel's draw
            before = symbols[:, group.slots]
            both = field.gather(2, torch.stack([before, drawn], 2))  # (R, C, 2)
            rise += (both[..., 0] - both[..., 1]).sum(1)
            symbols[:, group.slots] = drawn
        return symbols, rise
