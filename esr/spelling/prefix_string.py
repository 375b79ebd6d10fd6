"""Prefix strings: a function, then its arguments, such as `add x sin y`."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from esr.equations import Expression, Primitive, PrimitiveSet, prefix
from esr.errors import DataError
from esr.spelling.heap_values import defined_value
from esr.spelling.layout import check_inputs, check_length, check_symbols
from esr.spelling.vocabulary import Vocabulary

__all__ = ["PrefixString"]


class PrefixString:
    """P positions with one symbol each, in prefix order, filled up behind with `N`.

    A string is valid if its symbols before the first `N` are exactly one expression and nothing
    but `N` follows. Relaxed states have no value in this layout: where an argument begins
    depends on all symbols before it.

    Arguments:
        primitives: The functions, without scale.
        variables: Names of the D input columns.
        constants: The numbers.
        length: The number of positions P, at least 1.
    Raises:
        ConfigurationError: If `length < 1` or the symbols cannot be used.
    """

    def __init__(
        self,
        primitives: PrimitiveSet | Iterable[Primitive],
        variables: Sequence[str],
        constants: Sequence[float],
        length: int,
    ) -> None:
        check_length(length, "length")
        self.vocabulary = Vocabulary.of(primitives, variables, constants)
        self.slots = length

    @property
    def symbols(self) -> tuple[str, ...]:
        """The S symbols: `N`, variables, constants, primitives."""
        return self.vocabulary.symbols

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the D input columns."""
        return self.vocabulary.variables

    def values_of(self, symbols: Tensor, inputs: Tensor) -> Tensor:
        """Values of hard strings, found from the last position to the first.

        Arguments:
            symbols: Shape `(R, P)`.
            inputs: Shape `(N, D)`.
        Returns:
            Shape `(R, N)`; NaN for strings that are not valid and where the value of any part is
            not finite.
        Raises:
            DataError: If a shape is wrong.
        """
        check_inputs(inputs, self.variables)
        ends = self._ends(symbols)
        values = self.vocabulary.leaf_values(inputs)[symbols]  # (R, P, N)
        complete = ends[:, : self.slots] <= self.slots
        for position in reversed(range(self.slots - 1)):
            here = torch.where(complete[:, position], symbols[:, position], 0)
            for index, primitive in enumerate(
                self.vocabulary.primitives, self.vocabulary.first_primitive
            ):
                (rows,) = (here == index).nonzero(as_tuple=True)
                if len(rows):
                    starts = (torch.full_like(rows, position + 1), ends[rows, position + 1])
                    arguments = [values[rows, start] for start in starts[: primitive.arity]]
                    values[rows, position] = defined_value(primitive, arguments)
        return torch.where(self._fills(symbols, ends)[:, None], values[:, 0], math.nan)

    def valid(self, symbols: Tensor) -> Tensor:
        """Which strings `(R, P)` are expressions, shape `(R,)`; their values do not matter."""
        return self._fills(symbols, self._ends(symbols))

    def decode(self, symbols: Tensor) -> list[Expression | None]:
        """The expressions of hard strings `(R, P)`; `None` for one that is not valid."""
        valid = self.valid(symbols).tolist()
        rows = zip(symbols.tolist(), valid, strict=True)
        return [self._expression(row) if ok else None for row, ok in rows]

    def text(self, symbols: Tensor) -> list[str]:
        """The symbols of strings `(R, P)`, separated by blanks, without the `N` at the end."""
        check_symbols(symbols, self.slots)
        return [
            " ".join(self.symbols[index] for index in row[: _last_filled(row)])
            for row in symbols.tolist()
        ]

    def encode(
        self, expressions: Sequence[Expression], *, device: torch.device | None = None
    ) -> Tensor:
        """The hard strings of given expressions.

        Arguments:
            expressions: R expressions.
            device: Of the result.
        Returns:
            Shape `(R, P)`, long.
        Raises:
            DataError: If an expression is too long or has a node that is no symbol.
        """
        rows = [[self.vocabulary.index(node) for node in prefix(e)] for e in expressions]
        longest = max(map(len, rows), default=0)
        if longest > self.slots:
            raise DataError(
                f"an expression has {longest} nodes, but the layout {self.slots} positions"
            )
        rows = [row + [0] * (self.slots - len(row)) for row in rows]
        return torch.tensor(rows, dtype=torch.long, device=device).reshape(-1, self.slots)

    def _ends(self, symbols: Tensor) -> Tensor:
        """Where the expression that begins at each position ends, shape `(R, P + 2)`.

        The position after its last symbol, or P + 1 if it is never complete.
        """
        check_symbols(symbols, self.slots)
        arities = self.vocabulary.arities(symbols.device)[symbols]
        never = self.slots + 1
        ends = symbols.new_full((len(symbols), self.slots + 2), never)
        for position in reversed(range(self.slots)):
            arity = arities[:, position]
            first = ends[:, position + 1]
            second = ends.gather(1, first[:, None])[:, 0]
            end = torch.where(arity == 1, first, second)
            end = torch.where(arity == 0, position + 1, end)
            ends[:, position] = torch.where(arity < 0, never, end)
        return ends

    def _fills(self, symbols: Tensor, ends: Tensor) -> Tensor:
        """Whether the expression at the first position takes all symbols but `N`."""
        return ends[:, 0] == (symbols != 0).sum(1)

    def _expression(self, row: list[int]) -> Expression:
        """One valid string, from its last symbol to the first."""
        stack: list[Expression] = []
        for index in reversed(row[: _last_filled(row)]):
            place = index - self.vocabulary.first_primitive
            arity = self.vocabulary.primitives[place].arity if place >= 0 else 0
            arguments = tuple(stack.pop() for _ in range(arity))
            stack.append(self.vocabulary.expression(index, arguments))
        return stack[0]


def _last_filled(row: list[int]) -> int:
    """The number of symbols up to the last that is not empty."""
    return max((place for place, index in enumerate(row, 1) if index), default=0)
