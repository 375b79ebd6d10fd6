"""The values of a program's parameters, sets and axes in one compilation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield import Axis
from esr.rules.evaluation import Evaluation, Number
from esr.rules.faults import EvaluationError, Faults
from esr.rules.kinds import Kind
from esr.rules.names import Names
from esr.rules.tree import (
    AxisLine,
    Binary,
    Braces,
    Call,
    Expression,
    Name,
    ParameterLine,
    SetLine,
    Symbol,
)

__all__ = ["Overrides", "Values"]

_LARGEST_SET = 1_000_000


@dataclass(frozen=True)
class Overrides:
    """What is given at compilation in place of what the text says, by name."""

    parameters: Mapping[str, float | Tensor] = field(default_factory=dict)
    axes: Mapping[str, Sequence[str | int]] = field(default_factory=dict)
    sets: Mapping[str, Sequence[str | int]] = field(default_factory=dict)


class Values:
    """Looks up and computes values once; the order of declarations does not matter.

    Arguments:
        names: The declarations, with names and kinds checked.
        kinds: Kind of each axis and set.
        overrides: Values given in place of those of the text.
        faults: Takes what cannot be computed.
        sound: Whether the declarations have no faults; otherwise nothing is computed.

    `tables` holds the columns of each input, `(n,)`, once they are read.
    """

    def __init__(
        self,
        names: Names,
        kinds: Mapping[str, Kind | None],
        overrides: Overrides,
        faults: Faults,
        *,
        sound: bool = True,
    ) -> None:
        self.names, self._overrides = names, overrides
        self._parameters: dict[str, Number] = {}
        self._sets: dict[str, tuple[str | int, ...]] = {}
        self._codes: dict[str, int] = {}
        self.kinds = kinds
        self.axes: dict[str, Axis] = {}
        self.tables: Mapping[str, tuple[Tensor, ...]] = {}
        if not sound:
            return
        lines: list[ParameterLine | SetLine | AxisLine] = [*names.parameters.values()]
        for line in (*lines, *names.sets.values(), *names.axes.values()):
            try:
                if isinstance(line, AxisLine):
                    self.axes[line.name] = self._axis(line)
                elif isinstance(line, SetLine):
                    self.named_set(line.name)
                else:
                    self.parameter(line.name)
            except EvaluationError as error:
                faults.add(error.at, error.reason)

    def parameter(self, name: str) -> Number:
        """A parameter: a plain number, or a tensor if it is learned."""
        if name not in self._parameters:
            given = self._overrides.parameters.get(name)
            if given is None:
                default = self.names.parameters[name].default
                self._parameters[name] = Evaluation(self, {}, learned=True).number(default)
            elif isinstance(given, Tensor) and given.requires_grad:
                self._parameters[name] = given.to("cpu", torch.float64)
            else:
                plain = float(given)
                self._parameters[name] = int(plain) if plain.is_integer() else plain
        return self._parameters[name]

    def named_set(self, name: str) -> tuple[str | int, ...]:
        """The members of an axis or a set."""
        if name not in self._sets:
            given = self._overrides.axes.get(name, self._overrides.sets.get(name))
            line = self.names.axes.get(name) or self.names.sets[name]
            if given is not None:
                self._sets[name] = _given(name, given, self.kinds[name])
            else:
                self._sets[name] = self.members(line.values)
        return self._sets[name]

    def members(self, expression: Expression) -> tuple[str | int, ...]:
        """The members of any set, distinct, in order."""
        if isinstance(expression, Name):
            return self.named_set(expression.name)
        if isinstance(expression, Braces):
            values: list[str | int] = []
            for item in expression.items:
                literal = isinstance(item, Symbol)
                value = item.text if isinstance(item, Symbol) else int(item.value)
                member = value if literal or expression.of_numbers else str(value)
                if member in values:
                    raise EvaluationError(item.at, f"{member!r} occurs twice; remove one")
                values.append(member)
            return tuple(values)
        if not isinstance(expression, Binary):
            raise EvaluationError(expression.at, "expected a set")
        if expression.operator == "..":
            return self._range(expression)
        left, right = self.members(expression.left), self.members(expression.right)
        if expression.operator == "|":
            return tuple(dict.fromkeys((*left, *right)))
        other, kept = set(right), expression.operator == "&"
        return tuple(value for value in left if (value in other) is kept)

    def code(self, symbol: str) -> int:
        """A number that stands for a symbol in this compilation."""
        return self._codes.setdefault(symbol, len(self._codes))

    def coded(self, members: Sequence[str | int]) -> Tensor:
        """Members of a set as integers `(n,)`: numbers themselves, codes of symbols."""
        values = [self.code(v) if isinstance(v, str) else v for v in members]
        return torch.tensor(values, dtype=torch.int64)

    def positions(self, axis: str, values: Tensor) -> Tensor:
        """Positions on an axis of integers as `coded` makes them; -1 for those beyond it."""
        known = self.axes[axis]
        size, first = len(known), known.values[0]
        if isinstance(first, str):
            codes = self.coded(known.values)
            table = torch.full((len(self._codes),), -1)
            table[codes] = torch.arange(size)
            return table[values]
        if known.values == tuple(range(first, first + size)):
            places = values - first
            if known.cyclic:
                return places % size
            return torch.where((places >= 0) & (places < size), places, -1)
        ordered, order = self.coded(known.values).sort()
        found = torch.searchsorted(ordered, values).clamp(max=size - 1)
        return torch.where(ordered[found] == values, order[found], -1)

    def axis_of(self, call: Call) -> str:
        """The axis that `index(value, axis)` counts along; `index(symbol)`: that of symbols."""
        if len(call.arguments) > 1 and isinstance(named := call.arguments[1], Name):
            return named.name
        return next(name for name in self.names.axes if self.kinds[name] is Kind.SYMBOLS)

    def _axis(self, line: AxisLine) -> Axis:
        values = self.named_set(line.name)
        if not values:
            raise EvaluationError(line.at, f"axis {line.name} has no values; it needs one or more")
        first = values[0]
        if line.cyclic and (
            isinstance(first, str) or values != tuple(range(first, first + len(values)))
        ):
            reason = f"a cyclic axis counts through a range, but {line.name} is {list(values)}"
            raise EvaluationError(line.at, reason)
        return Axis(line.name, values, line.cyclic)

    def _range(self, expression: Binary) -> tuple[int, ...]:
        """`a..b`, both included; empty if b < a."""
        bounds = []
        for bound in (expression.left, expression.right):
            value = Evaluation(self, {}, learned=False).number(bound)
            if isinstance(value, Tensor) or not float(value).is_integer():
                reason = f"the bounds of a range are whole numbers, but this is {value}"
                raise EvaluationError(bound.at, reason)
            bounds.append(int(value))
        first, last = bounds
        if last - first >= _LARGEST_SET:
            reason = f"a range has at most {_LARGEST_SET} values, but {first}..{last} has more"
            raise EvaluationError(expression.at, reason)
        return tuple(range(first, last + 1))


def _given(name: str, given: Sequence[str | int], kind: Kind | None) -> tuple[str | int, ...]:
    """Checked members that replace those of the text."""
    wanted = str if kind is Kind.SYMBOLS else int
    members = tuple(given)
    fit = all(isinstance(member, wanted) and member != "" for member in members)
    if isinstance(given, str) or not fit or len(set(members)) < len(members):
        shown = "texts" if wanted is str else "whole numbers"
        raise ConfigurationError(f"'{name}' takes a list of distinct {shown}, but got {given!r}")
    return members
