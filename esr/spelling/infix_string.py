"""Infix strings without parentheses, such as 12x+3/x."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations import Call, Constant, Expression, Variable
from esr.equations.standard import ADD, DIV, MUL, SUB
from esr.errors import DataError, suggestion
from esr.spelling.infix_alphabet import EMPTY, INFIX_SYMBOLS, OPERATORS, InfixAlphabet
from esr.spelling.infix_machine import mixture_values
from esr.spelling.infix_operands import operands_of, string_values, well_formed
from esr.spelling.layout import check_inputs, check_length, check_states, check_symbols

__all__ = ["InfixString"]


class InfixString:
    """The strings of EnergySymbolicRegression: P positions, one symbol each.

    Digits in a row are a number, a number directly before a variable multiplies it and binds
    closer than any operator (`6/5x` is `6/(5*x)`), `*` and `/` bind closer than `+` and `-`, and
    equals associate to the left. There are no parentheses and no signs. `N` is empty and stands
    only in front. Not allowed are: an operator at either end, after another or after `N`; a
    variable followed by a digit or a variable; a number of several digits that begins with 0;
    `N` after anything else; nothing but `N`.

    Arguments:
        symbols: The S symbols: `N`, digits, operators, and any names of variables.
        length: The number of positions P, at least 1.
    Raises:
        ConfigurationError: If a symbol has no meaning, none has a value, or `length < 1`.
    Source: https://github.com/kilometersvi/EnergySymbolicRegression, `notebooks/math.ipynb`.
        Deviations: numbers with leading zeros are refused rather than repaired, since otherwise
        several states spell one expression.
    """

    def __init__(self, symbols: Sequence[str] = INFIX_SYMBOLS, length: int = 10) -> None:
        check_length(length, "length")
        self.alphabet = InfixAlphabet(tuple(symbols))
        self.slots = length

    @property
    def symbols(self) -> tuple[str, ...]:
        """The S symbols."""
        return self.alphabet.symbols

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the D input columns: the variables in the order of the symbols."""
        return self.alphabet.variables

    def values(self, states: Tensor, inputs: Tensor) -> Tensor:
        """Values of relaxed strings, differentiable, by the machine of `mixture_values`.

        Where the string is no expression the value is finite and has no meaning.

        Arguments:
            states: Shape `(R, P, S)`.
            inputs: Shape `(N, D)`, of the states' type.
        Returns:
            Shape `(R, N)`; at a vertex exact where numbers stay below 1e12 in magnitude and
            divisors above 1e-6.
        Raises:
            DataError: If a shape is wrong.
        """
        check_states(states, self.slots, len(self.symbols))
        check_inputs(inputs, self.variables)
        return mixture_values(self.alphabet, states, inputs)

    def values_of(self, symbols: Tensor, inputs: Tensor) -> Tensor:
        """Values of hard strings.

        Arguments:
            symbols: Shape `(R, P)`.
            inputs: Shape `(N, D)`.
        Returns:
            Shape `(R, N)`; NaN for strings that are not valid and where a value is not finite.
        Raises:
            DataError: If a shape is wrong.
        """
        check_inputs(inputs, self.variables)
        valid = self.valid(symbols)
        values = string_values(operands_of(self.alphabet, symbols, inputs.dtype), inputs)
        return torch.where(valid[:, None] & values.isfinite(), values, math.nan)

    def valid(self, symbols: Tensor) -> Tensor:
        """Which strings `(R, P)` are expressions, shape `(R,)`; `1/0` is one, without a value.

        Raises:
            DataError: If the shape is wrong.
        """
        check_symbols(symbols, self.slots)
        return well_formed(self.alphabet, symbols)

    def text(self, symbols: Tensor) -> list[str]:
        """The strings `(R, P)` as they stand, without the empty symbols in front."""
        check_symbols(symbols, self.slots)
        return ["".join(row[_first_filled(row) :]) for row in self._rows(symbols)]

    def decode(self, symbols: Tensor) -> list[Expression | None]:
        """The expressions of strings `(R, P)`; `None` for one that is not valid.

        A number beyond the largest float makes a string undecodable too.

        Raises:
            DataError: If the shape is wrong.
        """
        pairs = zip(self._rows(symbols), self.valid(symbols).tolist(), strict=True)
        return [_expression(row[_first_filled(row) :]) if ok else None for row, ok in pairs]

    def encode(self, texts: Sequence[str], *, device: torch.device | None = None) -> Tensor:
        """The states that hold given strings, filled up in front with `N`.

        Arguments:
            texts: R strings of symbols; they need not be valid. Where several symbols fit, the
                longest is taken.
            device: Of the result.
        Returns:
            Shape `(R, P)`, long.
        Raises:
            DataError: If a string has another symbol, or does not have P symbols while the
                alphabet has no `N` to fill it up.
        """
        rows = [self._filled(text) for text in texts]
        return torch.tensor(rows, dtype=torch.long, device=device).reshape(-1, self.slots)

    def _filled(self, text: str) -> list[int]:
        """The symbols of one string, padded."""
        found, rest = list[int](), text
        while rest:
            fitting = [symbol for symbol in self.symbols if rest.startswith(symbol)]
            if not fitting:
                raise DataError(f"no symbol begins {rest!r}; {suggestion(rest[0], self.symbols)}")
            longest = max(fitting, key=len)
            found.append(self.symbols.index(longest))
            rest = rest[len(longest) :]
        missing = self.slots - len(found)
        if missing < 0 or (missing and EMPTY not in self.symbols):
            raise DataError(
                f"{text!r} has {len(found)} symbols, but the layout has {self.slots} positions"
                + ("" if missing < 0 else " and no N to fill them")
            )
        return [self.symbols.index(EMPTY)] * missing + found if missing else found

    def _rows(self, symbols: Tensor) -> list[list[str]]:
        """The symbols of each string."""
        check_symbols(symbols, self.slots)
        return [[self.symbols[index] for index in row] for row in symbols.tolist()]


def _first_filled(row: list[str]) -> int:
    """The first position that is not empty."""
    return next((place for place, symbol in enumerate(row) if symbol != EMPTY), len(row))


def _expression(row: list[str]) -> Expression | None:
    """The tree of a valid string, from left to right."""
    total: Expression | None = None  # the finished terms
    term: Expression | None = None  # the finished factors of the open term
    sign, operator, start = "+", "*", 0
    for end in range(1, len(row) + 1):
        if end < len(row) and row[end] not in OPERATORS:
            continue
        operand = _operand(row[start:end])
        if operand is None:
            return None
        term = _joined(term, operator, operand)
        operator, start = (row[end] if end < len(row) else "+"), end + 1
        if operator in ("+", "-"):
            total, term = _joined(total, sign, term), None
            sign = operator
    return total


def _joined(left: Expression | None, operator: str, right: Expression) -> Expression:
    """Two parts under an operator, or the right one if it is the first."""
    if left is None:
        return right
    return Call({"+": ADD, "-": SUB, "*": MUL, "/": DIV}[operator], (left, right))


def _operand(row: list[str]) -> Expression | None:
    """A number, a variable or their product; `None` if the number is infinite."""
    digits = "".join(symbol for symbol in row if symbol.isdigit())
    number = float(digits) if digits else 1.0
    if not math.isfinite(number):
        return None
    if len(digits) == len(row):
        return Constant(number)
    variable = Variable(row[-1])
    return number * variable if digits else variable
