"""Checks names and kinds of a whole program, before any value is known."""

from collections.abc import Mapping, Sequence

from esr.errors import suggestion
from esr.rules.faults import Faults
from esr.rules.kinds import SETS, Kind, Kinds
from esr.rules.names import RESERVED, Names
from esr.rules.tree import (
    Binder,
    Cell,
    CountLine,
    Expression,
    InputLine,
    OneLine,
    RuleLine,
    names_in,
)

__all__ = ["Checker"]


class Checker:
    """Checks declarations at once, and rules one at a time; adds what is wrong to the faults.

    Arguments:
        names: The declarations.
        faults: Takes what is wrong.
    """

    def __init__(self, names: Names, faults: Faults) -> None:
        self._names, self._faults = names, faults
        self._kinds = Kinds(names, faults)
        for line in names.inputs.values():
            self._input(line)

    @property
    def set_kinds(self) -> Mapping[str, Kind | None]:
        """The kind of each axis and set, None for those at fault."""
        return {n: self._kinds.of_set(n) for n in (*self._names.axes, *self._names.sets)}

    def _input(self, line: InputLine) -> None:
        """Columns have distinct names and draw from sets."""
        columns = [column.name for column in line.columns]
        for column in line.columns:
            if columns.count(column.name) > 1:
                self._faults.add(column.at, f"input {line.name} has two columns '{column.name}'")
            if column.domain is not None:
                self._kinds.need(column.domain, *SETS, scope={})

    def one(self, line: OneLine) -> None:
        """Each entry is the name of its own axis, or `*`; at least one is `*`."""
        axes = list(self._names.axes)
        if line.grid != "V":
            self._faults.add(line.at, f"neurons are written V[...], not {line.grid}[...]")
        if len(line.entries) != len(axes):
            self._count(Cell(line.grid, (), line.at), len(line.entries))
        elif "*" not in line.entries:
            self._faults.add(line.at, "a group needs a '*' where its neurons lie, as in V[row, *]")
        for entry, axis in zip(line.entries, axes, strict=False):
            if entry not in ("*", axis):
                reason = f"expected '*' or '{axis}' at this place of a group, but found '{entry}'"
                self._faults.add(line.at, reason)
        if line.weight is not None:
            self._kinds.need(line.weight, Kind.NUMBER, scope={})

    def rule(self, rule: RuleLine) -> None:
        """Variables are bound once and used; condition, indices and weight are of their kind."""
        scope = self._scope(rule)
        for cell in rule.cells:
            self._cell(cell, scope)
        if rule.weight is not None:
            self._kinds.need(rule.weight, Kind.NUMBER, scope=scope)
        indices = [index for cell in rule.cells for index in cell.indices]
        self._unused(rule, [rule.condition, rule.weight, *indices])

    def count(self, line: CountLine) -> None:
        """The number is one for all instances; each entry is an index or a set of them."""
        scope = self._scope(line)
        if depends := sorted(names_in(line.bound) & set(scope)):
            reason = (
                f"a count cannot depend on the variable '{depends[0]}'; write one rule for each"
            )
            self._faults.add(line.bound.at, reason)
        else:
            self._kinds.need(line.bound, Kind.NUMBER, scope={})
        axes = list(self._names.axes)
        if line.grid != "V":
            self._faults.add(line.at, f"neurons are written V[...], not {line.grid}[...]")
        if len(line.entries) != len(axes):
            self._count(Cell(line.grid, (), line.at), len(line.entries))
        for entry, axis in zip(line.entries, axes, strict=False):
            of_axis = self._kinds.of_set(axis)
            if entry is None or of_axis is None:
                continue
            kind = self._kinds.need(entry, of_axis.member, of_axis, scope=scope)
            depends = sorted(names_in(entry) & set(scope))
            if kind in SETS and depends:
                reason = f"a set cannot depend on the variable '{depends[0]}'"
                self._faults.add(entry.at, reason)
        self._unused(line, [line.condition, *line.entries])

    def _scope(self, rule: RuleLine | CountLine) -> dict[str, Kind | None]:
        """The variables of a header, whose condition is checked."""
        scope: dict[str, Kind | None] = {}
        for binder in rule.binders:
            self._bind(binder, scope)
        if rule.condition is not None:
            self._kinds.need(rule.condition, Kind.TRUTH, scope=scope)
        return scope

    def _unused(
        self, rule: RuleLine | CountLine, expressions: Sequence[Expression | None]
    ) -> None:
        """A variable that is never used would only multiply the instances."""
        used = set[str]().union(*map(names_in, expressions))
        for binder in rule.binders:
            if set(binder.names) == {"_"}:
                self._faults.add(binder.at, "this binds no variable; remove it")
            for name in binder.names:
                if name not in used and name != "_":
                    hint = "write _ for it" if binder.rows else "remove it"
                    reason = f"variable '{name}' is bound but never used; {hint}"
                    self._faults.add(binder.at, reason)

    def _bind(self, binder: Binder, scope: dict[str, Kind | None]) -> None:
        """Add the variables of a binder to the scope."""
        found = self._row_kinds(binder, scope) if binder.rows else self._each_kind(binder, scope)
        names = self._names
        for name, kind in zip(binder.names, found, strict=True):
            if name == "_" and binder.rows:
                continue
            if name in RESERVED or name == "_":
                reason = f"'{name}' cannot name a variable; choose another name"
                self._faults.add(binder.at, reason)
            elif name in scope:
                self._faults.add(binder.at, f"variable '{name}' is bound already in this rule")
            elif any(name in d for d in (names.parameters, names.axes, names.sets, names.inputs)):
                reason = f"'{name}' is declared already; choose another name for the variable"
                self._faults.add(binder.at, reason)
            scope[name] = kind

    def _row_kinds(self, binder: Binder, scope: Mapping[str, Kind | None]) -> list[Kind | None]:
        """Kinds of variables that run over the rows of an input."""
        unknown: list[Kind | None] = [None] * len(binder.names)
        name = next(iter(names_in(binder.domain)), "")
        line = self._names.inputs.get(name)
        if line is None:
            reason = f"expected an input after 'in'; {suggestion(name, self._names.inputs)}"
            self._faults.add(binder.domain.at, reason)
            return unknown
        if len(line.columns) != len(binder.names):
            reason = (
                f"input {name} has {len(line.columns)} columns "
                f"({', '.join(column.name for column in line.columns)}), "
                f"but {len(binder.names)} variables are bound"
            )
            self._faults.add(binder.at, reason)
            return unknown
        return [self._member(column.domain) for column in line.columns]

    def _member(self, domain: Expression | None) -> Kind | None:
        """Kind of what is drawn from a set, or of any number if there is none."""
        if domain is None:
            return Kind.NUMBER
        kind = self._kinds.need(domain, *SETS, scope={})
        return kind.member if kind is not None else None

    def _each_kind(self, binder: Binder, scope: Mapping[str, Kind | None]) -> list[Kind | None]:
        """Kinds of variables that each run over a set, which must not depend on others."""
        depends = sorted(names_in(binder.domain) & set(scope))
        if depends:
            reason = (
                f"a set cannot depend on the variable '{depends[0]}'; "
                "let the variable run over an axis and put the rest into the condition"
            )
            self._faults.add(binder.domain.at, reason)
            return [None] * len(binder.names)
        return [self._member(binder.domain)] * len(binder.names)

    def _cell(self, cell: Cell, scope: Mapping[str, Kind | None]) -> None:
        """A cell has an index for each axis, of the axis's kind."""
        if cell.grid != "V":
            self._faults.add(cell.at, f"neurons are written V[...], not {cell.grid}[...]")
        if len(cell.indices) != len(self._names.axes):
            self._count(cell, len(cell.indices))
            return
        for index, axis in zip(cell.indices, self._names.axes, strict=True):
            kind = self._kinds.of_set(axis)
            wanted = (kind.member,) if kind is not None else (Kind.NUMBER, Kind.SYMBOL)
            self._kinds.need(index, *wanted, scope=scope)

    def _count(self, cell: Cell, found: int) -> None:
        axes = ", ".join(self._names.axes)
        reason = f"V needs {len(self._names.axes)} indices, [{axes}], but has {found}"
        self._faults.add(cell.at, reason)
