"""A rule program: text that is read and checked once, and compiled as often as wanted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from esr.errors import ConfigurationError, DataError, suggestion
from esr.hopfield import CouplingTerm, Grid
from esr.rules.check import Checker
from esr.rules.conflicts import require_possible
from esr.rules.counting import count_terms
from esr.rules.coupling import group_terms, rule_term
from esr.rules.faults import EvaluationError, Faults
from esr.rules.includes import standard_names, statements_of
from esr.rules.inputs import InputData, read_inputs
from esr.rules.kinds import Kind
from esr.rules.names import Names, declared
from esr.rules.symbols import check_symbols
from esr.rules.tree import CountLine, OneLine, Source
from esr.rules.values import Overrides, Values

__all__ = ["CompiledRules", "RuleProgram", "standard"]

LARGEST = 1e15
"""Parameters are at most this size, so that whole numbers among them are exact."""


@dataclass(frozen=True)
class CompiledRules:
    """The couplings of a program.

    Arguments:
        grid: The neurons.
        terms: What each rule contributes, in the order of the text; rules without instances
            have none.
        empty_rules: Names of the rules that have no instances.
    """

    grid: Grid
    terms: tuple[CouplingTerm, ...]
    empty_rules: tuple[str, ...] = ()


class RuleProgram:
    """A checked rule program; `docs/rules.md` explains the language.

    Make one with `parse`, `read` or `standard`.
    """

    def __init__(
        self,
        names: Names,
        kinds: Mapping[str, Kind | None],
        values: Values,
        given: Overrides,
    ) -> None:
        self._names, self._kinds, self._values, self._given = names, kinds, values, given

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        folder: str | Path | None = None,
        include: str | None = None,
        axes: Mapping[str, Sequence[str | int]] | None = None,
        sets: Mapping[str, Sequence[str | int]] | None = None,
    ) -> "RuleProgram":
        """Read a program from its text.

        Arguments:
            text: Statements of the rule language. It is never executed.
            folder: Where included files are looked up.
            include: Name of standard rules that the text includes without saying so.
            axes: Values of axes in place of those of the text: its rules may name these only.
            sets: Members of sets likewise.
        Raises:
            RuleError: If there are faults; all of them are shown.
            ConfigurationError: If an axis or a set is unknown or its values do not fit.
        """
        where = Path(folder) if folder is not None else None
        return cls._of(Source(text), where, include, Overrides({}, axes or {}, sets or {}))

    @classmethod
    def read(cls, path: str | Path) -> "RuleProgram":
        """Read a program from a file, UTF-8.

        Raises:
            RuleError: If there are faults; all of them are shown.
            DataError: If there is no such file.
        """
        where = Path(path)
        if not where.is_file():
            raise DataError(f"expected a file of rules, but there is none at {where}")
        return cls._of(Source(where.read_text(encoding="utf-8"), where.name), where.parent)

    @classmethod
    def _of(
        cls,
        source: Source,
        folder: Path | None,
        include: str | None = None,
        given: Overrides = Overrides(),  # noqa: B008 - it is frozen
    ) -> "RuleProgram":
        faults = Faults()
        statements = statements_of(source, folder, faults, include)
        if not statements and not len(faults):
            faults.at_start(source, "there are no rules in this text")
        if faults.declarations_lost:
            faults.raise_if_any()  # the rest would only echo the names that are missing
        names = declared(statements, faults)
        if not names.axes:
            faults.raise_if_any()
        before = len(faults)
        checker = Checker(names, faults)
        sound = len(faults) == before
        if sound:
            _require_names(names, given)
        values = Values(names, checker.set_kinds, given, faults, sound=sound)
        sound = len(faults) == before
        for rule in names.rules.values():
            before = len(faults)
            if isinstance(rule, OneLine):
                checker.one(rule)
                continue
            if isinstance(rule, CountLine):
                checker.count(rule)
            else:
                checker.rule(rule)
            if sound and len(faults) == before:
                check_symbols(rule, values, faults)
        faults.raise_if_any()
        return cls(names, checker.set_kinds, values, given)

    @property
    def names(self) -> Names:
        """What the program declares."""
        return self._names

    @property
    def parameters(self) -> dict[str, float]:
        """The default of each parameter."""
        numbers = {name: self._values.parameter(name) for name in self._names.parameters}
        return {name: n for name, n in numbers.items() if not isinstance(n, Tensor)}

    @property
    def inputs(self) -> dict[str, tuple[str, ...]]:
        """The names of each input's columns."""
        lines = self._names.inputs.items()
        return {name: tuple(column.name for column in line.columns) for name, line in lines}

    @property
    def axes(self) -> dict[str, tuple[str | int, ...]]:
        """The values of each axis as the text says, in the order of `V[...]`."""
        return {name: self._values.named_set(name) for name in self._names.axes}

    @property
    def sets(self) -> dict[str, tuple[str | int, ...]]:
        """The members of each set as the text says."""
        return {name: self._values.named_set(name) for name in self._names.sets}

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of the rules; those without a label are named for their lines."""
        return tuple(self._names.rules)

    def compile(
        self,
        inputs: Mapping[str, InputData] | None = None,
        parameters: Mapping[str, float | Tensor] | None = None,
        *,
        axes: Mapping[str, Sequence[str | int]] | None = None,
        sets: Mapping[str, Sequence[str | int]] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> CompiledRules:
        """The couplings of the program.

        Arguments:
            inputs: Rows of each input: a tensor `(n, columns)` of numbers, or a sequence of rows.
            parameters: Values in place of the defaults. A tensor `()` that requires a gradient
                is learned: weights carry gradients to it.
            axes: Values of axes in place of those of the text, of the same kind.
            sets: Members of sets likewise.
            dtype: Of the weights; they are computed in float64.
        Raises:
            RuleError: If values cannot be computed or inputs do not fit, at their lines.
            ConfigurationError: If a name is unknown, a value is of the wrong kind, or hard rules
                leave no symbol to a group.
        """
        data, names, faults = inputs or {}, self._names, Faults()
        _require_known("input", data, names.inputs)
        values = self.values(parameters, axes=axes, sets=sets)
        values.tables = read_inputs(data, values, faults)
        _check_symbols(names, values, faults)
        faults.raise_if_any()
        return _compiled(names, values, dtype)

    def values(
        self,
        parameters: Mapping[str, float | Tensor] | None = None,
        *,
        axes: Mapping[str, Sequence[str | int]] | None = None,
        sets: Mapping[str, Sequence[str | int]] | None = None,
    ) -> Values:
        """The values of parameters, axes and sets, as `compile` takes them.

        Arguments:
            parameters: Values in place of the defaults.
            axes: Values of axes likewise.
            sets: Members of sets likewise.
        Raises:
            RuleError: If values cannot be computed.
            ConfigurationError: If a name is unknown or a value is of the wrong kind.
        """
        given = self._given
        overrides = Overrides(
            parameters or {}, {**given.axes, **(axes or {})}, {**given.sets, **(sets or {})}
        )
        _require_names(self._names, overrides)
        faults = Faults()
        values = Values(self._names, self._kinds, overrides, faults)
        faults.raise_if_any()
        return values


def standard(name: str) -> RuleProgram:
    """One of the rule programs that come with the package, such as `queens` or `sudoku`.

    Raises:
        ConfigurationError: If there is none of this name.
    """
    known = standard_names()
    if name not in known:
        raise ConfigurationError(
            f"there are no standard rules '{name}'; {suggestion(name, known)}"
        )
    return RuleProgram.parse("", include=name)


def _compiled(names: Names, values: Values, dtype: torch.dtype) -> CompiledRules:
    faults = Faults()
    groups = list(names.groups.values())
    axes = list(values.axes.values())
    entries = zip(groups[0].entries, axes, strict=True) if groups else ()
    grid = Grid(axes, [axis.name for entry, axis in entries if entry == "*"])
    terms: list[CouplingTerm] = []
    empty: list[str] = []
    for name, rule in names.rules.items():
        try:
            if isinstance(rule, OneLine):
                terms += group_terms(name, rule, grid, values)
                continue
            if isinstance(rule, CountLine):
                counted = count_terms(name, rule, grid, values)
                terms += counted
                empty += [] if counted else [name]
                continue
            term = rule_term(name, rule, grid, values)
        except EvaluationError as error:
            faults.add(error.at, error.reason)
            continue
        if len(term.neurons):
            terms.append(term)
        else:
            empty.append(name)
    faults.raise_if_any()
    require_possible(grid, terms)
    return CompiledRules(grid, tuple(_cast(term, dtype) for term in terms), tuple(empty))


def _cast(term: CouplingTerm, dtype: torch.dtype) -> CouplingTerm:
    weights = term.weights.to(dtype)
    return CouplingTerm(term.name, term.neurons, weights, term.hard, term.source, term.line)


def _check_symbols(names: Names, values: Values, faults: Faults) -> None:
    for rule in names.rules.values():
        if not isinstance(rule, OneLine):
            check_symbols(rule, values, faults)


def _require_known(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    for name in given:
        if name not in known:
            raise ConfigurationError(f"there is no {what} '{name}'; {suggestion(name, known)}")


def _require_names(names: Names, overrides: Overrides) -> None:
    """What is given is declared, and parameters are numbers."""
    _require_known("parameter", overrides.parameters, names.parameters)
    _require_known("axis", overrides.axes, names.axes)
    _require_known("set", overrides.sets, names.sets)
    for name, value in overrides.parameters.items():
        _require_number(name, value)


def _require_number(name: str, value: float | Tensor) -> None:
    if isinstance(value, Tensor):
        fits = value.dim() == 0 and bool(value.detach().isfinite())
    else:
        fits = isinstance(value, (int, float)) and abs(value) <= LARGEST
    if not fits:
        raise ConfigurationError(
            f"parameter '{name}' takes a number of at most {LARGEST:g} in size or a tensor of "
            f"shape (), but got {value!r}"
        )
