"""Tables that show a rule program and its diagnosis on the console."""

import math
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from esr.hopfield import Diagnosis, Grid
from esr.hopfield.dynamics.activation import Sigmoid, Softmax
from esr.rules import CompiledRules, RuleProgram

__all__ = ["plain_console", "show_diagnosis", "show_program"]

_SHOWN = 24
"""Values of an axis or a set that are shown."""

_BLOCKS = {
    "OffsetBlock": "one matrix at a distance",
    "EdgeBlock": "one matrix on edges",
    "AllPairsBlock": "one matrix on all pairs",
    "ExplicitBlock": "entry by entry",
    "DenseBlock": "a full matrix",
}


def plain_console() -> Console:
    """A console that prints rules as they are: their brackets are no markup."""
    return Console(markup=False, highlight=False, emoji=False)


def show_program(
    console: Console,
    program: RuleProgram,
    compiled: CompiledRules,
    given: Mapping[str, float],
    rows: Mapping[str, int],
) -> None:
    """Print grid, parameters, sets, inputs and rules with their sources.

    Arguments:
        console: Where to.
        program: What was read.
        compiled: What it was compiled to.
        given: Values given in place of defaults.
        rows: Number of rows of each input.
    """
    grid = compiled.grid
    console.print(_grid_line(grid))
    table = Table("axis", "values", "", title="axes", title_justify="left")
    for axis in grid.axes:
        table.add_row(axis.name, _values(axis.values), "cyclic" if axis.cyclic else "")
    console.print(table)
    if program.parameters:
        table = Table("parameter", "value", title="parameters", title_justify="left")
        for name, default in program.parameters.items():
            changed = f"{given[name]:g} (default {default:g})" if name in given else f"{default:g}"
            table.add_row(name, changed)
        console.print(table)
    if program.sets:
        table = Table("set", "members", title="sets, by the defaults", title_justify="left")
        for name, members in program.sets.items():
            table.add_row(name, _values(members))
        console.print(table)
    if program.inputs:
        table = Table("input", "columns", "rows", title="inputs", title_justify="left")
        for name, columns in program.inputs.items():
            table.add_row(name, ", ".join(columns), str(rows.get(name, 0)))
        console.print(table)
    table = Table("rule", "line", "source", title="rules", title_justify="left")
    sources: dict[str, tuple[int, str]] = {}
    for term in compiled.terms:
        rule, _, _ = term.name.partition(".")  # soft groups have two terms
        sources.setdefault(rule, (term.line, term.source))
    for name in program.rules:
        line, source = sources.get(name, (0, ""))
        if name in compiled.empty_rules:
            source = "no instance"
        table.add_row(name, str(line) if line else "", source or "one-of-many")
    console.print(table)


def show_diagnosis(console: Console, found: Diagnosis) -> None:
    """Print what `diagnose` found."""
    table = Table("", "value", title="energy and dynamics", title_justify="left")
    kind = "Q between changes that keep each slot's sum" if found.spectrum.centred else "Q"
    table.add_row(f"eigenvalues of {kind}", _span(found.spectrum.lowest, found.spectrum.highest))
    if found.spectrum.curvature:
        table.add_row("orders above two add at most", f"{found.spectrum.curvature:.4g}")
    table.add_row("energy of relaxed states within", _span(*found.energy))
    table.add_row(f"computed step, {_activation(found)}", f"{found.computed_step:.4g}")
    if found.step != found.computed_step:
        table.add_row(f"is the step {found.step:g} safe", "yes" if found.safe else "no")
    discrete = found.discrete
    table.add_row(
        "eigenvalues over zeros and ones, hard rules priced",
        _span(discrete.lowest, discrete.highest),
    )
    table.add_row(
        "mean field has one fixed point above temperature", f"{discrete.unique_temperature:.4g}"
    )
    table.add_row("mean field contracts above", f"{discrete.contraction_temperature:.4g}")
    console.print(table)
    if found.soft_rules:
        console.print(_soft_table(found))
    if found.hard_rules:
        console.print(_hard_table(found))
    structure = found.structure
    table = Table("", "value", title="structure", title_justify="left")
    table.add_row("blocks of Q as written", _counts(structure.blocks))
    table.add_row("blocks over zeros and ones", _counts(structure.discrete_blocks))
    exact = "yes: samples are exact" if structure.forest else "no: samples are annealed"
    table.add_row("the slots form a forest", exact)
    table.add_row("classes of slots updated at once", str(structure.colours))
    table.add_row("symbols ruled out", f"{structure.ruled_out} of {structure.symbols}")
    console.print(table)


def _soft_table(found: Diagnosis) -> Table:
    columns = ("rule", "order", "instances", "weights", "spectrum", "moves lowest", "factor")
    title = "soft rules; factor: the largest on the rule alone at which the step is safe"
    table = Table(*columns, title=title, title_justify="left")
    for rule in found.soft_rules:
        cells = [rule.name, _orders(rule.orders), str(rule.instances), _span(*rule.weights)]
        if rule.spectrum is not None:
            cells.append(_span(rule.spectrum.lowest, rule.spectrum.highest))
            cells.append(_short(rule.sensitivity or 0.0))
            cells.append(_factor(rule.largest_factor))
        table.add_row(*cells)
    return table


def _hard_table(found: Diagnosis) -> Table:
    columns = ("rule", "order", "instances", "symbols it rules out")
    table = Table(*columns, title="hard rules", title_justify="left")
    for rule in found.hard_rules:
        table.add_row(rule.name, _orders(rule.orders), str(rule.instances), str(rule.ruled_out))
    return table


def _grid_line(grid: Grid) -> str:
    if grid.grouped:
        return f"{grid.slots} slots, one of {grid.symbols} neurons on in each: {grid.size} neurons"
    return f"{grid.size} free neurons"


def _activation(found: Diagnosis) -> str:
    if isinstance(found.activation, Softmax):
        return f"softmax at {found.activation.temperature:g}"
    if isinstance(found.activation, Sigmoid):
        return f"sigmoid of gain {found.activation.gain:g}"
    return "given activation"


def _values(values: Sequence[str | int]) -> str:
    shown = " ".join(str(value) for value in values[:_SHOWN])
    return f"{shown} ... ({len(values)})" if len(values) > _SHOWN else shown or "none"


def _orders(orders: Sequence[int]) -> str:
    return ", ".join(str(order) for order in orders)


def _counts(blocks: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {_BLOCKS.get(k, k)}" for k, count in blocks.items()) or "none"


def _span(least: float, most: float) -> str:
    low, high = _short(least), _short(most)
    return low if low == high else f"{low} to {high}"


def _short(value: float) -> str:
    return f"{value if abs(value) > 1e-9 else 0:.4g}"  # no minus zero, no rounding


def _factor(factor: float | None) -> str:
    if factor is None or math.isnan(factor):
        return "none"
    return "any" if math.isinf(factor) else f"{factor:.3g}"
