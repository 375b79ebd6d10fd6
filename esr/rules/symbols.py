"""Symbols that stand in rules must be on the axes they index; what variables can be."""

from collections.abc import Sequence

from esr.errors import suggestion
from esr.hopfield import Axis
from esr.rules.faults import Faults
from esr.rules.tree import (
    Binder,
    Braces,
    CountLine,
    Expression,
    Name,
    RuleLine,
    Symbol,
    children,
    names_in,
)
from esr.rules.values import Values

__all__ = ["check_symbols", "domains"]

Domains = dict[str, tuple[str | int, ...]]


def check_symbols(rule: RuleLine | CountLine, values: Values, faults: Faults) -> None:
    """Symbols that stand in a rule must be on the axis they index, or on some axis or set."""
    known = domains(rule.binders, values)
    loose: list[Expression | None] = [rule.condition]
    if isinstance(rule, CountLine):
        cells: list[tuple[Expression | None, ...]] = [rule.entries]
        loose.append(rule.bound)
    else:
        cells = [cell.indices for cell in rule.cells]
        loose.append(rule.weight)
    for cell in cells:
        for index, axis in zip(cell, values.axes.values(), strict=True):
            _check_index(index, axis, known, values, faults)
    everything = {v for name in values.kinds for v in values.named_set(name)}
    everything.update(value for members in known.values() for value in members)
    remaining = [expression for expression in loose if expression is not None]
    while remaining:
        expression = remaining.pop()
        remaining += children(expression)
        if isinstance(expression, Symbol) and expression.text not in everything:
            hint = suggestion(expression.text, [v for v in everything if isinstance(v, str)])
            faults.add(expression.at, f"no axis or set has '{expression.text}'; {hint}")


def domains(binders: Sequence[Binder], values: Values) -> Domains:
    """What each variable can be, but for free numbers of inputs."""
    found: Domains = {}
    for binder in binders:
        if not binder.rows:
            found |= dict.fromkeys(binder.names, values.members(binder.domain))
            continue
        line = values.names.inputs[next(iter(names_in(binder.domain)))]
        for name, column in zip(binder.names, line.columns, strict=True):
            if column.domain is not None:
                found[name] = values.members(column.domain)
    return found


def _check_index(
    index: Expression | None, axis: Axis, known: Domains, values: Values, faults: Faults
) -> None:
    """A symbol, variable or set that indexes an axis holds nothing that the axis has not."""
    if isinstance(index, Symbol):
        _check_member(index, axis, faults)
    elif isinstance(index, Braces):
        for item in index.items:
            if isinstance(item, Symbol):
                _check_member(item, axis, faults)
    elif isinstance(index, Name):
        variable = index.name in known
        if not variable and index.name not in values.kinds:
            return
        members = known[index.name] if variable else values.named_set(index.name)
        on_axis = set(axis.values)
        odd = [value for value in members if value not in on_axis]
        if any(isinstance(value, str) for value in odd):
            what, cure = (
                (f"variable '{index.name}'", "let it run over")
                if variable
                else (f"set '{index.name}'", "make it of")
            )
            reason = (
                f"{what} can be '{odd[0]}', which is not on axis {axis.name}; {cure} the axis "
                "or over a part of it"
            )
            faults.add(index.at, reason)


def _check_member(symbol: Symbol, axis: Axis, faults: Faults) -> None:
    if symbol.text not in axis.values:
        hint = suggestion(symbol.text, [str(value) for value in axis.values])
        faults.add(symbol.at, f"axis {axis.name} has no symbol '{symbol.text}'; {hint}")
