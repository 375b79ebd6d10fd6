"""Value: find an expression that has a wanted value, as the first Hopfield regression did."""

from collections.abc import Mapping

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.loss_bias import StateLoss, TargetValue
from esr.random import RandomStreams
from esr.spelling import InfixString
from esr.training import Phase
from experiments.tasks.rules import Found, Rules

__all__ = ["Value"]


class Value(Rules):
    """An infix string, in digits, operators and variables, that has a value at a place.

    The rules are the standard grammar of infix strings; the loss of what a state spells is fed
    back as a bias.

    Arguments:
        phases: The schedule of graded dynamics.
        value: The wanted value, finite.
        at: The value of each variable, x = 2 unless given; variables are the symbols that are
            neither digits nor operators nor N. Other names are ignored.
        length: Positions of the string, at least 1.
        symbols: The alphabet in place of the standard one: N, digits, operators, variables.
    Raises:
        ConfigurationError: If a number is out of range or `at` lacks a variable.
    """

    def __init__(
        self,
        phases: Mapping[str, Phase],
        value: float = 20.0,
        at: Mapping[str, float] | None = None,
        length: int = 10,
        symbols: str | None = None,
    ) -> None:
        super().__init__("infix", phases, {"length": length})
        self.axes = {"symbol": tuple(symbols)} if symbols is not None else {}
        alphabet = self.axes.get("symbol") or self.program.axes["symbol"]
        self.layout = InfixString([str(symbol) for symbol in alphabet], length)
        where = dict(at if at is not None else {"x": 2.0})
        missing = [name for name in self.layout.variables if name not in where]
        if missing:
            raise ConfigurationError(
                f"task.at must give a value to each of {list(self.layout.variables)}, but lacks "
                f"{missing}; add +task.at.{missing[0]}=NUMBER"
            )
        self.value = value
        values = [float(where[name]) for name in self.layout.variables]
        self._at = torch.tensor(values, dtype=torch.float64)
        self._loss = TargetValue(self.layout, self._at, value)

    def prepare(self, streams: RandomStreams, device: torch.device) -> None:
        """Compile the rules and put the loss on the device."""
        super().prepare(streams, device)
        self._at = self._at.to(device)
        self._loss = TargetValue(self.layout, self._at, self.value)

    def loss(self) -> StateLoss:
        """The distance of the spelled value from the wanted one."""
        return self._loss

    def read(self, symbols: Tensor) -> str:
        """The string and its value."""
        value = float(self._values(symbols[None])[0])
        return f"{self.layout.text(symbols[None])[0]} = {value:.10g}"

    def measures(self, found: Found) -> Mapping[str, float]:
        """The value of the best string, its distance, and whether strings are valid."""
        value = float(self._values(found.symbols[found.best][None])[0])
        valid = self.layout.valid(found.symbols).double()
        return {
            "value": value,
            "error": abs(value - self.value),
            "best_valid": float(valid[found.best]),
            "valid_share": float(valid.mean()),
        }

    def solved(self, found: Found) -> Tensor:
        """Which replicas keep the grammar and have exactly the wanted value."""
        distance = (self._values(found.symbols) - self.value).abs()
        return super().solved(found) & (distance <= 1e-9 * max(1.0, abs(self.value)))

    def _values(self, symbols: Tensor) -> Tensor:
        return self.layout.values_of(symbols, self._at[None])[:, 0]
