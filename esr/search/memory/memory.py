"""Dense associative memory: the behaviours of many small programs, each with its expression."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations import Expression, Variable
from esr.equations.standard import ADD, SUB
from esr.search.memory.operation import Operation
from esr.search.memory.semantics import Keys
from esr.search.question import ExpressionRules, NoRules, Rows

__all__ = ["Memory"]

_CHUNK = 4096
"""Programs that are run at a time."""
_SMALLEST, _LARGEST, _FLATTEST = 1e-30, 1e9, 1e-9
"""Range of the largest value of a behaviour, and the smallest deviation from its mean relative to
that."""
_WRITTEN, _VARIABLE = -2, -1
_FIELDS = 6
"""Of a program: code of its operation, left, right, size, height, bits of its variables."""


class Memory:
    """Patterns of a modern Hopfield network: what programs compute on the rows of a question.

    A program is a variable, an operation on one or two programs before it, or an expression
    written down. Of programs whose behaviours are multiples of each other the first is kept.
    Expressions are made when asked for.

    Arguments:
        rows: The rows that programs are run on.
        capacity: Largest number of programs, at least the number of variables.
        rules: Programs that these do not tolerate are left out.
    """

    def __init__(
        self, rows: Rows, capacity: int = 20000, rules: ExpressionRules | None = None
    ) -> None:
        self.variables, self.capacity = rows.variables, capacity
        self.rules = NoRules() if rules is None else rules
        self._columns = rows.columns
        self._keys = Keys(len(rows.target))
        self._known = torch.empty(0, dtype=torch.long)
        self._known_shifted = torch.empty(0, dtype=torch.long)
        self._operations: list[Operation] = []
        self._codes: dict[Operation, int] = {}
        self._written: list[Expression] = []
        self._expressions: dict[int, Expression] = {}
        self._values = rows.inputs.new_empty(capacity, len(rows.target), dtype=torch.float64)
        self._table = torch.empty(capacity, _FIELDS, dtype=torch.long)
        self._distinct = torch.empty(capacity, dtype=torch.bool)
        self._count = 0
        table = [[_VARIABLE, d, d, 1, 1, 1 << min(d, 61)] for d in range(len(rows.variables))]
        self._store(rows.inputs.double().T, torch.tensor(table))

    def __len__(self) -> int:
        return self._count

    @property
    def values(self) -> Tensor:
        """The behaviours, `(K, N)`, float64, in the order they were stored."""
        return self._values[: self._count]

    def units(self, programs: Tensor) -> Tensor:
        """Behaviours of length 1 of the programs of these places `(B,)`, `(B, N)`, float32."""
        values = self._values[programs]
        lengths: Tensor = values.norm(dim=1, keepdim=True)
        return (values / lengths).float()

    @property
    def sizes(self) -> Tensor:
        """Nodes of each program's expression, `(K,)`."""
        return self._table[: self._count, 3]

    @property
    def heights(self) -> Tensor:
        """Levels of nodes of each program's expression, `(K,)`; 1 for a variable."""
        return self._table[: self._count, 4]

    @property
    def used(self) -> Tensor:
        """Which variables each program has, `(K,)`: bit d for variable d, of the first 62."""
        return self._table[: self._count, 5]

    @property
    def distinct(self) -> Tensor:
        """Whether a program is the first of those that differ by factors and shifts, `(K,)`."""
        return self._distinct[: self._count]

    @property
    def full(self) -> bool:
        """Whether no more programs can be stored."""
        return self._count >= self.capacity

    def expression(self, program: int) -> Expression:
        """The expression of a program.

        Arguments:
            program: Its place, from 0 to K - 1.
        """
        stack = [program]
        while stack:
            code, *parents = self._table[stack[-1], :3].tolist()
            place = stack[-1]
            if place in self._expressions:
                stack.pop()
            elif code == _VARIABLE:
                self._expressions[stack.pop()] = Variable(self.variables[parents[0]])
            elif code == _WRITTEN:
                self._expressions[stack.pop()] = self._written[parents[0]]
            else:
                operation = self._operations[code]
                parents = parents[: operation.arity]
                missing = [p for p in parents if p not in self._expressions]
                stack.extend(missing)
                if not missing:
                    parts = [self._expressions[p] for p in parents]
                    self._expressions[stack.pop()] = operation.write(*parts)
        return self._expressions[program]

    def extend(
        self,
        operations: Sequence[Operation],
        left: Tensor,
        right: Tensor | None = None,
        most: int = 2**62,
    ) -> Tensor:
        """Store operations on programs, as far as the results are new and there is room.

        Arguments:
            operations: Operations of one arity; all are applied to each program or pair in turn.
            left: Places of their first programs, `(B,)`.
            right: Places of their second programs, `(B,)`, if they take two.
            most: Largest number of programs to store.
        Returns:
            Places of the programs that were stored.
        """
        stored = [torch.empty(0, dtype=torch.long)]
        at_a_time = max(1, _CHUNK // max(1, len(operations)))
        for start in range(0, len(left) if operations else 0, at_a_time):
            if self.full or most <= 0:
                break
            parents = [p[start : start + at_a_time] for p in (left, right) if p is not None]
            results = [self._computed(operation, parents) for operation in operations]
            values = torch.stack([values for values, _ in results], 1).flatten(0, 1)
            table = torch.stack([table for _, table in results], 1).flatten(0, 1)
            new = self._store(values, table, most)
            stored.append(new)
            most -= len(new)
        return torch.cat(stored)

    def write(self, expression: Expression) -> int | None:
        """Store an expression, for instance a good part of what a search has found.

        Arguments:
            expression: In the variables of the rows.
        Returns:
            Its place; None if it is no use, not tolerated or known, or if there is no room.
        """
        values = expression.evaluate(self._columns).double()[None]
        self._written.append(expression)
        place = len(self._written) - 1
        used = sum(
            1 << min(d, 61)
            for d, name in enumerate(self.variables)
            if name in expression.variables
        )
        row = [_WRITTEN, place, place, expression.complexity, expression.depth, used]
        stored = self._store(values, torch.tensor([row]))
        if len(stored) == 0:
            self._written.pop()
            return None
        return int(stored[0])

    def write_all(self, expressions: Sequence[Expression]) -> list[int]:
        """Store expressions; the places of those that were new."""
        places = [self.write(expression) for expression in expressions]
        return [place for place in places if place is not None]

    def _computed(self, operation: Operation, parents: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Behaviours `(B, N)` of an operation on programs, their rows of the table `(B, 6)`."""
        code = self._codes.setdefault(operation, len(self._operations))
        if code == len(self._operations):
            self._operations.append(operation)
        inputs = [self._values[p] for p in parents]
        values = operation(*inputs)
        if len(inputs) == 2 and operation.primitive in (ADD, SUB):
            values = _without_cancelled(values, inputs[0])
        sizes = torch.stack([self._table[p, 3] for p in parents]).sum(0) + operation.nodes
        heights = torch.stack([self._table[p, 4] for p in parents]).amax(0) + operation.levels
        codes = torch.full_like(sizes, code)
        used = self._table[parents[0], 5] | self._table[parents[-1], 5]
        return values, torch.stack([codes, parents[0], parents[-1], sizes, heights, used], 1)

    def _store(self, values: Tensor, table: Tensor, most: int = 2**62) -> Tensor:
        """Keep what is finite, varies and is new; places `(K',)`.

        Arguments:
            values: Behaviours `(B, N)`.
            table: Their rows of the table, `(B, 6)`.
            most: Largest number to keep.
        """
        largest = values.abs().amax(1)
        spread = (values - values.mean(1, keepdim=True)).abs().amax(1)
        usable = (largest > _SMALLEST) & (largest < _LARGEST) & (spread > _FLATTEST * largest)
        kept = usable.nonzero()[:, 0]
        values, table = values[kept], table[kept]
        kept = self._first(self._keys(values, shifts=False), self._known)
        kept = kept[: min(most, self.capacity - self._count)]
        values, table = values[kept], table[kept]
        start, end = self._count, self._count + len(kept)
        self._values[start:end], self._table[start:end] = values, table
        places = torch.arange(start, end)
        if not isinstance(self.rules, NoRules):
            allowed = [self.rules.tolerates(self.expression(p)) for p in places.tolist()]
            for place in places.tolist():
                self._expressions.pop(place, None)
            kept = torch.tensor(allowed, dtype=torch.bool)
            values, table = values[kept], table[kept]
            end = start + len(values)
            self._values[start:end], self._table[start:end] = values, table
        keys = self._keys(values, shifts=False)
        shifted = self._keys(values, shifts=True)
        self._distinct[start:end] = False
        self._distinct[start + self._first(shifted, self._known_shifted)] = True
        self._known = torch.cat([self._known, keys])
        self._known_shifted = torch.cat([self._known_shifted, shifted])
        self._count = end
        return torch.arange(start, end)

    @staticmethod
    def _first(keys: Tensor, known: Tensor) -> Tensor:
        """The first places of keys `(B,)` that are not known, in order."""
        unique, inverse = torch.unique(keys, return_inverse=True)
        first = torch.full_like(unique, len(keys))
        first.scatter_reduce_(0, inverse, torch.arange(len(keys)), "amin")
        return first[~torch.isin(unique, known)].sort().values


def _without_cancelled(values: Tensor, terms: Tensor) -> Tensor:
    """Sums `(B, N)`, NaN where they are nothing but the rounding errors of terms `(B, N)`."""
    lost = values.abs().amax(1) < _FLATTEST * terms.abs().amax(1)
    return values.masked_fill(lost[:, None], torch.nan)
