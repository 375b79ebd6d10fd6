"""What a layout of slots is: it says which expression a state of the energy core spells."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from esr.equations import Expression
from esr.errors import ConfigurationError, DataError

__all__ = [
    "Layout",
    "RelaxedLayout",
    "check_inputs",
    "check_length",
    "check_states",
    "check_symbols",
    "one_hot",
]


class Layout(Protocol):
    """G slots that each hold one of S symbols, read as an expression.

    A hard state is the index of the symbol in each slot, shape `(R, G)`, long. A layout knows
    neither couplings nor dynamics.
    """

    @property
    def symbols(self) -> tuple[str, ...]:
        """The S symbols; a state's last dimension follows this order."""
        ...

    @property
    def slots(self) -> int:
        """The number of slots G."""
        ...

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the D columns of the inputs, in order."""
        ...

    def values_of(self, symbols: Tensor, inputs: Tensor) -> Tensor:
        """Values of the spelled expressions.

        Arguments:
            symbols: Hard states, shape `(R, G)`.
            inputs: Shape `(N, D)`.
        Returns:
            Shape `(R, N)`; NaN wherever nothing finite is spelled.
        """
        ...

    def valid(self, symbols: Tensor) -> Tensor:
        """Which hard states `(R, G)` spell an expression, shape `(R,)`; values do not matter."""
        ...

    def decode(self, symbols: Tensor) -> list[Expression | None]:
        """The expression of each hard state `(R, G)`; `None` for one that is not valid."""
        ...

    def text(self, symbols: Tensor) -> list[str]:
        """What stands in the slots of each hard state `(R, G)`, for reading."""
        ...


@runtime_checkable
class RelaxedLayout(Layout, Protocol):
    """A layout that also gives relaxed states a value."""

    def values(self, states: Tensor, inputs: Tensor) -> Tensor:
        """Values of relaxed states, differentiable in the states.

        Arguments:
            states: Shape `(R, G, S)`, of the inputs' type.
            inputs: Shape `(N, D)`.
        Returns:
            Shape `(R, N)`, always finite. At a one-hot state that spells an expression with a
            finite value it is that value, within the bounds that the layout states.
        """
        ...


def one_hot(symbols: Tensor, count: int, dtype: torch.dtype | None = None) -> Tensor:
    """The vertices of the relaxed states.

    Arguments:
        symbols: Hard states, shape `(R, G)`, in 0 to `count - 1`.
        count: Number of symbols S.
        dtype: Type of the result; torch's default type if `None`.
    Returns:
        Shape `(R, G, S)`.
    """
    return torch.nn.functional.one_hot(symbols, count).to(dtype or torch.get_default_dtype())


def check_symbols(symbols: Tensor, slots: int) -> None:
    """Refuse hard states of a wrong shape or type.

    Raises:
        DataError: If `symbols` is not a long tensor of shape `(R, slots)`.
    """
    if symbols.dim() != 2 or symbols.shape[1] != slots or symbols.dtype != torch.long:
        raise DataError(
            f"symbols must be long of shape (R, {slots}), but are {symbols.dtype} of shape "
            f"{tuple(symbols.shape)}; relaxed states become symbols by argmax over the last "
            "dimension"
        )


def check_states(states: Tensor, slots: int, symbols: int) -> None:
    """Refuse relaxed states of a wrong shape.

    Raises:
        DataError: If `states` is not of shape `(R, slots, symbols)`.
    """
    if states.dim() != 3 or states.shape[1:] != (slots, symbols):
        raise DataError(
            f"states must have shape (R, {slots}, {symbols}), but have {tuple(states.shape)}; "
            "hard states become relaxed ones by one_hot"
        )


def check_inputs(inputs: Tensor, variables: Sequence[str]) -> None:
    """Refuse inputs whose columns are not the variables.

    Raises:
        DataError: If `inputs` is not of shape `(N, D)` with one column for each variable.
    """
    if inputs.dim() != 2 or inputs.shape[1] != len(variables):
        raise DataError(
            f"inputs must have shape (N, {len(variables)}), one column for each of "
            f"{tuple(variables)}, but have {tuple(inputs.shape)}"
        )


def check_length(count: int, name: str) -> None:
    """Refuse a number of slots below 1.

    Raises:
        ConfigurationError: If `count` is not at least 1.
    """
    if count < 1:
        raise ConfigurationError(f"{name} must be at least 1, but is {count}")
