"""The symbols of infix strings and what each of them does."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations.names import is_name
from esr.errors import ConfigurationError

__all__ = ["EMPTY", "INFIX_SYMBOLS", "OPERATORS", "InfixAlphabet"]

EMPTY = "N"
"""The symbol of a slot that holds nothing."""
OPERATORS = ("+", "-", "*", "/")
"""The operators of infix strings."""
INFIX_SYMBOLS = (EMPTY, *"1234567890", *OPERATORS, "x")
"""The alphabet of EnergySymbolicRegression, in its order."""


@dataclass(frozen=True)
class InfixAlphabet:
    """Symbols of an infix string: `N` for empty, digits, operators, and variables.

    Arguments:
        symbols: S distinct symbols; what is not `N`, a digit or one of `+ - * /` is the name of
            a variable. Any of them may be missing, but something must have a value.
    Raises:
        ConfigurationError: If symbols repeat, one has no meaning, or there is neither a digit
            nor a variable.
    """

    symbols: tuple[str, ...] = INFIX_SYMBOLS

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", tuple(self.symbols))
        if len(set(self.symbols)) < len(self.symbols):
            raise ConfigurationError(f"symbols must be distinct, but are {self.symbols}")
        for symbol in self.variables:
            if not is_name(symbol):
                raise ConfigurationError(
                    f"symbol {symbol!r} has no meaning in an infix string; use N, digits, "
                    "+ - * / and names of variables"
                )
        if not self.variables and not any(symbol in _DIGITS for symbol in self.symbols):
            raise ConfigurationError(
                f"no expression can be spelled with {self.symbols}; add digits or a variable"
            )

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the D variables, in the order of the symbols."""
        return tuple(symbol for symbol in self.symbols if not _is_fixed(symbol))

    def table(self, wanted: Collection[str], device: torch.device) -> Tensor:
        """Which symbols are among the wanted ones, shape `(S,)`, boolean."""
        return torch.tensor([symbol in wanted for symbol in self.symbols], device=device)

    def digits(self, device: torch.device) -> Tensor:
        """The value of each digit and -1 for every other symbol, shape `(S,)`, long."""
        values = [int(symbol) if symbol in _DIGITS else -1 for symbol in self.symbols]
        return torch.tensor(values, device=device)

    def columns(self, device: torch.device) -> Tensor:
        """The input column of each variable and D for every other symbol, `(S,)`, long."""
        names = self.variables
        values = [names.index(s) if s in names else len(names) for s in self.symbols]
        return torch.tensor(values, device=device)


_DIGITS = tuple("0123456789")


def _is_fixed(symbol: str) -> bool:
    """Whether a symbol has a meaning of its own."""
    return symbol == EMPTY or symbol in _DIGITS or symbol in OPERATORS
