"""What a program declares: parameters, axes, sets, inputs and rules, each under its own name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from esr.rules.faults import Faults
from esr.rules.tree import (
    AxisLine,
    CountLine,
    InputLine,
    OneLine,
    ParameterLine,
    Place,
    Rule,
    RuleLine,
    SetLine,
    Statement,
)

__all__ = ["FUNCTIONS", "RESERVED", "Names", "declared"]

FUNCTIONS = {"abs": (1, 1), "min": (2, 9), "max": (2, 9), "size": (1, 1), "index": (1, 2)}
"""Least and largest number of arguments of each function."""

RESERVED = frozenset(FUNCTIONS) | {
    *("V", "parameter", "axis", "set", "input", "include", "one", "for", "in", "if"),
    *("at", "most", "least"),
    *("and", "or", "not", "forbid", "cyclic"),
}


@dataclass(frozen=True)
class Names:
    """The declarations of a program; `axes` in the order of `V[...]`, `rules` as written."""

    parameters: Mapping[str, ParameterLine]
    axes: Mapping[str, AxisLine]
    sets: Mapping[str, SetLine]
    inputs: Mapping[str, InputLine]
    rules: Mapping[str, Rule]

    @property
    def groups(self) -> dict[str, OneLine]:
        """The `one` groups without a weight, which the grid keeps; at most one in a program."""
        found = self.rules.items()
        return {n: r for n, r in found if isinstance(r, OneLine) and r.weight is None}


def declared(statements: Sequence[Statement], faults: Faults) -> Names:
    """The declarations of a program; names that are reserved or taken become faults."""
    places: dict[str, Place] = {}
    parameters: dict[str, ParameterLine] = {}
    axes: dict[str, AxisLine] = {}
    sets: dict[str, SetLine] = {}
    inputs: dict[str, InputLine] = {}
    for statement in statements:
        if not isinstance(statement, (ParameterLine, AxisLine, SetLine, InputLine)):
            continue
        name = statement.name
        if name in RESERVED:
            faults.add(statement.at, f"'{name}' is a word of the language; choose another name")
        elif name in places:
            faults.add(statement.at, f"'{name}' is {_taken(places[name])}; choose another name")
        else:
            places[name] = statement.at
            if isinstance(statement, ParameterLine):
                parameters[name] = statement
            elif isinstance(statement, AxisLine):
                axes[name] = statement
            elif isinstance(statement, SetLine):
                sets[name] = statement
            else:
                inputs[name] = statement
    names = Names(parameters, axes, sets, inputs, _rules(statements, faults))
    _check_groups(names, faults)
    if not axes and statements:
        faults.add(statements[0].at, "there is no axis; write one such as 'axis row = 0..7'")
    return names


def _rules(statements: Sequence[Statement], faults: Faults) -> dict[str, Rule]:
    """The rules under their labels, or under their lines."""
    rules: dict[str, Rule] = {}
    for statement in statements:
        if not isinstance(statement, (RuleLine, OneLine, CountLine)):
            continue
        stem = PurePath(statement.at.source.file).stem
        kind = "one" if isinstance(statement, OneLine) else "rule"
        name = statement.label or f"{kind}_{statement.at.line}"
        if name in rules and not statement.label:
            name = f"{stem}_{name}"  # unnamed rules of included files may stand on equal lines
        if name in rules:
            where = _taken(rules[name].at)
            faults.add(statement.at, f"rule '{name}' is {where}; names of rules are unique")
        rules[name] = statement
    return rules


def _check_groups(names: Names, faults: Faults) -> None:
    groups = list(names.groups.values())
    for line in groups:
        if line.forbidden:
            faults.add(line.at, "a 'one' group takes a price such as '=> -2', not 'forbid'")
    for line in groups[1:]:
        if not line.forbidden:
            faults.add(
                line.at,
                f"the neurons are in groups already (line {groups[0].at.line}); give this one a "
                "weight, as in '=> -2', or forbid its pairs by a rule",
            )


def _taken(at: Place) -> str:
    file = f" of {at.source.file}" if at.source.file else ""
    return f"declared already in line {at.line}{file}"
