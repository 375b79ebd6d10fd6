"""The syntax of a rule program as frozen values. Places are kept, but do not count as equal."""

from dataclasses import dataclass, field

__all__ = [
    "AxisLine",
    "Binary",
    "Binder",
    "Braces",
    "Call",
    "Cell",
    "Column",
    "Compare",
    "CountLine",
    "Expression",
    "IncludeLine",
    "InputLine",
    "Name",
    "Number",
    "OneLine",
    "ParameterLine",
    "Place",
    "Rule",
    "RuleLine",
    "SetLine",
    "Source",
    "Statement",
    "Symbol",
    "Unary",
    "children",
    "names_in",
]


@dataclass(frozen=True)
class Source:
    """A text, and the name of the file it is from, empty if none."""

    text: str
    file: str = ""


@dataclass(frozen=True)
class Place:
    """Where something is written: line and column, counted from 1."""

    source: Source
    line: int
    column: int


@dataclass(frozen=True)
class Number:
    """A number literal."""

    value: int | float
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Symbol:
    """A symbol, quoted except in braces."""

    text: str
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Name:
    """A variable, parameter, set, axis or input."""

    name: str
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Braces:
    """A set by its members: symbols, unless all are numbers."""

    items: tuple[Number | Symbol, ...]
    at: Place = field(compare=False, repr=False)

    @property
    def of_numbers(self) -> bool:
        """Whether the members are numbers."""
        return bool(self.items) and all(isinstance(item, Number) for item in self.items)


@dataclass(frozen=True)
class Unary:
    """`-`, `+` or `not`."""

    operator: str
    operand: "Expression"
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Binary:
    """Arithmetic, set algebra, a range `..`, `and` or `or`."""

    operator: str
    left: "Expression"
    right: "Expression"
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Compare:
    """One comparison or a chain: `operands[i] operators[i] operands[i + 1]`, all of them."""

    operators: tuple[str, ...]
    operands: tuple["Expression", ...]
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Call:
    """A function of the language with its arguments."""

    name: str
    arguments: tuple["Expression", ...]
    at: Place = field(compare=False, repr=False)


Expression = Number | Symbol | Name | Braces | Unary | Binary | Compare | Call


@dataclass(frozen=True)
class ParameterLine:
    """`parameter name = default`."""

    name: str
    default: Expression
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class AxisLine:
    """`axis name = values`, perhaps `cyclic`."""

    name: str
    values: Expression
    cyclic: bool
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class SetLine:
    """`set name = values`."""

    name: str
    values: Expression
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Column:
    """A column of an input: its name and the set it draws from, or None for any number."""

    name: str
    domain: Expression | None
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class InputLine:
    """`input name (column in set, ...)`."""

    name: str
    columns: tuple[Column, ...]
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class IncludeLine:
    """`include "file"`."""

    path: str
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Binder:
    """`names in domain`: each name runs over it by itself, or together over rows of an input."""

    names: tuple[str, ...]
    domain: Expression
    rows: bool
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Cell:
    """`V[...]` in a rule."""

    grid: str
    indices: tuple[Expression, ...]
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class OneLine:
    """`one V[axis, *]`: hard without a weight, otherwise a price. Entries are names or `*`."""

    label: str
    grid: str
    entries: tuple[str, ...]
    weight: Expression | None
    at: Place = field(compare=False, repr=False)
    forbidden: bool = False


@dataclass(frozen=True)
class RuleLine:
    """A coupling rule; without a weight it forbids."""

    label: str
    binders: tuple[Binder, ...]
    condition: Expression | None
    cells: tuple[Cell, ...]
    weight: Expression | None
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class CountLine:
    """`at most n V[i, *]` or `at least`: of the cell's neurons so many are on.

    An entry is an index or a set of them; None stands for `*`, the whole axis.
    """

    label: str
    binders: tuple[Binder, ...]
    condition: Expression | None
    most: bool
    bound: Expression
    grid: str
    entries: tuple[Expression | None, ...]
    at: Place = field(compare=False, repr=False)


Rule = OneLine | RuleLine | CountLine
"""Statements with a label that say what states are like."""

Statement = ParameterLine | AxisLine | SetLine | InputLine | IncludeLine | Rule


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions an expression is directly made of."""
    if isinstance(expression, Unary):
        return (expression.operand,)
    if isinstance(expression, Binary):
        return (expression.left, expression.right)
    if isinstance(expression, Compare):
        return expression.operands
    if isinstance(expression, Call):
        return expression.arguments
    return expression.items if isinstance(expression, Braces) else ()


def names_in(expression: Expression | None) -> set[str]:
    """All names that occur in an expression."""
    if expression is None:
        return set()
    if isinstance(expression, Name):
        return {expression.name}
    return set().union(*(names_in(child) for child in children(expression)))
