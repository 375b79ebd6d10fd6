"""Trees stored as a heap: slot i has its arguments at 2i + 1 and 2i + 2."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from esr.equations import Expression, Primitive, PrimitiveSet
from esr.errors import DataError
from esr.spelling.heap_mixture import mixture_slopes, mixture_values
from esr.spelling.heap_values import candidate_values, read_slots, slot_slopes, slot_values
from esr.spelling.layout import check_inputs, check_length, check_states, check_symbols
from esr.spelling.vocabulary import Vocabulary

__all__ = ["HeapTree"]


class HeapTree:
    """M = 2^depth - 1 slots that hold a tree; the root is slot 0, `N` is an empty slot.

    A tree is valid if every argument of what is read from the root is there, and every slot
    that is not read is empty.

    Arguments:
        primitives: The functions that a slot may hold, without scale.
        variables: Names of the D input columns.
        constants: Numbers that a slot may hold.
        depth: The number of levels, at least 1.
        bound: Largest magnitude of a primitive's value and slope on the relaxed path, above 0.
        ignore_unread: Whether slots that are not read may hold anything. Then several states
            spell one expression, but replacing a function by a leaf stays valid.
    Raises:
        ConfigurationError: If `depth < 1` or the symbols cannot be used.
    """

    def __init__(
        self,
        primitives: PrimitiveSet | Iterable[Primitive],
        variables: Sequence[str],
        constants: Sequence[float],
        depth: int,
        *,
        bound: float = 1e6,
        ignore_unread: bool = False,
    ) -> None:
        check_length(depth, "depth")
        self.vocabulary = Vocabulary.of(primitives, variables, constants)
        self.depth, self.bound, self.ignore_unread = depth, bound, ignore_unread
        self.slots = 2**depth - 1

    @property
    def symbols(self) -> tuple[str, ...]:
        """The S symbols: `N`, variables, constants, primitives."""
        return self.vocabulary.symbols

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the D input columns."""
        return self.vocabulary.variables

    def values(self, states: Tensor, inputs: Tensor) -> Tensor:
        """Values of relaxed trees, differentiable once; the root's of `relaxed_slot_values`.

        Arguments:
            states: Shape `(R, M, S)`.
            inputs: Shape `(N, D)`, of the states' type.
        Returns:
            Shape `(R, N)`; at a valid vertex exact where all values stay within the bound.
        """
        return self.relaxed_slot_values(states, inputs)[:, 0]

    def relaxed_slot_values(self, states: Tensor, inputs: Tensor) -> Tensor:
        """Values of all slots of relaxed trees `(R, M, S)`, shape `(R, M, N)`.

        Values that are NaN or infinite count as 0 in the mixture and values beyond the bound as
        the bound, so that the result and its slopes are finite.

        Raises:
            DataError: If a shape is wrong.
        """
        check_states(states, self.slots, len(self.symbols))
        check_inputs(inputs, self.variables)
        return mixture_values(self.vocabulary, states, inputs, self.bound)

    def relaxed_slot_slopes(self, states: Tensor, values: Tensor) -> Tensor:
        """Derivatives of the root by each slot of relaxed trees, shape `(R, M, N)`.

        Arguments:
            states: Shape `(R, M, S)`.
            values: What `relaxed_slot_values` gave, shape `(R, M, N)`.
        """
        check_states(states, self.slots, len(self.symbols))
        return mixture_slopes(self.vocabulary, states, values, self.bound)

    def values_of(self, symbols: Tensor, inputs: Tensor) -> Tensor:
        """Values of hard trees.

        Arguments:
            symbols: Shape `(R, M)`.
            inputs: Shape `(N, D)`.
        Returns:
            Shape `(R, N)`; NaN for trees that are not valid and where any slot's value is not
            finite, even if it would vanish further up, as in 1/(1/0).
        """
        values = self.slot_values(symbols, inputs)[:, 0]
        return torch.where(self.valid(symbols)[:, None], values, math.nan)

    def slot_values(self, symbols: Tensor, inputs: Tensor) -> Tensor:
        """Values of all slots of hard trees `(R, M)`, shape `(R, M, N)`; NaN where there is none.

        Raises:
            DataError: If a shape is wrong.
        """
        check_symbols(symbols, self.slots)
        check_inputs(inputs, self.variables)
        return slot_values(self.vocabulary, symbols, inputs)

    def slot_slopes(self, symbols: Tensor, values: Tensor) -> Tensor:
        """Derivatives of the root by each slot of hard trees, shape `(R, M, N)`.

        Arguments:
            symbols: Shape `(R, M)`.
            values: What `slot_values` gave, shape `(R, M, N)`.
        Returns:
            0 for slots that are not read; NaN or infinite where the derivative is.
        """
        check_symbols(symbols, self.slots)
        return slot_slopes(self.vocabulary, symbols, values)

    def candidate_values(self, values: Tensor, index: int, rows: Tensor, slots: Tensor) -> Tensor:
        """What some slots would be worth with another symbol, the slots below as they are.

        Arguments:
            values: What `slot_values` gave, shape `(R, M, N)`.
            index: The symbol of a primitive.
            rows: The replica of each slot in question, shape `(K,)`, long.
            slots: The slots, shape `(K,)`, long.
        Returns:
            Shape `(K, N)`; NaN where the primitive lacks an argument, as at the lowest slots.
        """
        primitive = self.vocabulary.primitives[index - self.vocabulary.first_primitive]
        return candidate_values(primitive, values, rows, slots)

    def read(self, symbols: Tensor) -> Tensor:
        """Which slots of hard trees `(R, M)` belong to the expression, boolean `(R, M)`."""
        check_symbols(symbols, self.slots)
        return read_slots(self.vocabulary, symbols)

    def valid(self, symbols: Tensor) -> Tensor:
        """Which hard trees `(R, M)` are expressions, shape `(R,)`; their values do not matter."""
        read, empty = self.read(symbols), symbols == 0
        arities = self.vocabulary.arities(symbols.device)[symbols]
        wrong = read & empty
        wrong[:, self.slots // 2 :] |= read[:, self.slots // 2 :] & (
            arities[:, self.slots // 2 :] > 0
        )
        if not self.ignore_unread:
            wrong |= ~read & ~empty
        return ~wrong.any(1)

    def decode(self, symbols: Tensor) -> list[Expression | None]:
        """The expressions of hard trees `(R, M)`; `None` for one that is not valid."""
        rows = zip(
            symbols.tolist(),
            self.read(symbols).tolist(),
            self.valid(symbols).tolist(),
            strict=True,
        )
        return [self._expression(row, read) if ok else None for row, read, ok in rows]

    def text(self, symbols: Tensor) -> list[str]:
        """Hard trees `(R, M)` as calls, such as `add(x, 1)`, which `Expression.parse` reads.

        One that is not valid is shown as its slots in order, separated by blanks.
        """
        valid = self.valid(symbols).tolist()
        return [
            self._call(row) if ok else " ".join(self.symbols[index] for index in row)
            for row, ok in zip(symbols.tolist(), valid, strict=True)
        ]

    def encode(
        self, expressions: Sequence[Expression], *, device: torch.device | None = None
    ) -> Tensor:
        """The hard trees of given expressions, whose unread slots are empty.

        Arguments:
            expressions: R expressions.
            device: Of the result.
        Returns:
            Shape `(R, M)`, long.
        Raises:
            DataError: If an expression is too deep or has a node that is no symbol.
        """
        rows = [self._placed(expression) for expression in expressions]
        return torch.tensor(rows, dtype=torch.long, device=device).reshape(-1, self.slots)

    def _expression(self, row: list[int], read: list[bool]) -> Expression:
        """One valid tree, from the last slot to the root."""
        built: dict[int, Expression] = {}
        for slot in reversed(range(self.slots)):
            if read[slot]:
                below = (built.get(2 * slot + 1), built.get(2 * slot + 2))
                arguments = tuple(part for part in below if part is not None)
                built[slot] = self.vocabulary.expression(row[slot], arguments)
        return built[0]

    def _call(self, row: list[int], slot: int = 0) -> str:
        """One valid tree as text; no deeper than the heap."""
        index = row[slot]
        if index < self.vocabulary.first_primitive:
            return self.symbols[index]
        arity = self.vocabulary.primitives[index - self.vocabulary.first_primitive].arity
        below = (self._call(row, 2 * slot + side) for side in range(1, arity + 1))
        return f"{self.symbols[index]}({', '.join(below)})"

    def _placed(self, expression: Expression) -> list[int]:
        """The symbols of one expression's slots."""
        if expression.depth > self.depth:
            raise DataError(
                f"the expression has depth {expression.depth}, but the tree {self.depth} levels"
            )
        row, open_nodes = [0] * self.slots, [(expression, 0)]
        while open_nodes:
            node, slot = open_nodes.pop()
            row[slot] = self.vocabulary.index(node)
            open_nodes += [(part, 2 * slot + k) for k, part in enumerate(node.arguments, 1)]
        return row
