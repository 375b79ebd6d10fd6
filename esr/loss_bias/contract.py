"""What a loss of states is, for whatever feeds it back as a bias."""

from typing import Protocol

from torch import Tensor

from esr.spelling import Layout

__all__ = ["StateLoss", "SymbolLoss"]


class SymbolLoss(Protocol):
    """A loss of what hard states spell."""

    @property
    def layout(self) -> Layout:
        """How the states are read."""
        ...

    @property
    def samples(self) -> int:
        """The number of values N that one state's loss is found from, for memory estimates."""
        ...

    def of_symbols(self, symbols: Tensor) -> Tensor:
        """Losses of hard states `(R, G)`, shape `(R,)`; infinite where there is no value."""
        ...


class StateLoss(SymbolLoss, Protocol):
    """A loss of relaxed states as well."""

    def of_states(self, states: Tensor) -> Tensor:
        """Losses of relaxed states `(R, G, S)`, shape `(R,)`, finite and differentiable.

        Each replica's loss depends on its own state only.
        """
        ...
