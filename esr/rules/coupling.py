"""One rule to its coupling terms."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from esr.errors import suggestion
from esr.hopfield import CouplingTerm, Grid
from esr.rules.evaluation import Evaluation, Truth, as_tensor
from esr.rules.faults import EvaluationError, Faults
from esr.rules.instances import Instances, Stage, Test, expand
from esr.rules.printer import printed
from esr.rules.tree import (
    Binary,
    Call,
    Cell,
    Compare,
    Expression,
    Name,
    OneLine,
    Place,
    RuleLine,
    Symbol,
    children,
    names_in,
)
from esr.rules.values import Values

__all__ = ["check_symbols", "group_terms", "rule_term"]


def rule_term(name: str, rule: RuleLine, grid: Grid, values: Values) -> CouplingTerm:
    """The term of a rule; it may have no instances.

    Raises:
        EvaluationError: If a value in it cannot be computed.
    """
    stages = _stages(rule, values)
    found = expand(stages, _tests(rule, values), rule.at)
    hard, source = rule.weight is None, printed(rule)
    if found.count == 0:
        neurons = torch.zeros(0, len(rule.cells), dtype=torch.int64)
        weights = torch.zeros(0, dtype=torch.float64)
        return CouplingTerm(name, neurons, weights, hard, source, rule.at.line)
    evaluation = Evaluation(values, found.columns, learned=False)
    places = [_neurons(cell, grid, values, evaluation, found) for cell in rule.cells]
    neurons, weights = torch.stack(places, 1), _weights(rule, values, found)
    return CouplingTerm(name, neurons, weights, hard, source, rule.at.line)


def group_terms(name: str, line: OneLine, grid: Grid, values: Values) -> list[CouplingTerm]:
    r"""The price of groups in which not exactly one neuron is on: bias and pairs.

    .. math:: -w \Big(\sum_i V_i - 1\Big)^2 = -w + w \sum_i V_i - 2w \sum_{i<j} V_i V_j
              \quad\text{for } V_i \in \{0, 1\},

    without the constant.

    Raises:
        EvaluationError: If the weight cannot be computed.
    """
    if line.weight is None:
        return []
    weight = as_tensor(Evaluation(values, {}, learned=True).number(line.weight)).double()
    _require_finite(weight, line.weight.at)
    ranges = [torch.arange(size) for size in grid.shape]
    neurons = grid.neurons(torch.meshgrid(ranges, indexing="ij"))
    free = [place for place, entry in enumerate(line.entries) if entry == "*"]
    size = math.prod(grid.shape[place] for place in free)
    groups = neurons.movedim(free, list(range(-len(free), 0))).reshape(-1, size)
    source, number = printed(line), line.at.line
    singles = groups.reshape(-1, 1)
    terms = [_constant(f"{name}.single", singles, -weight, source, number)]
    if size > 1:
        first, second = torch.triu_indices(size, size, 1)
        pairs = torch.stack([groups[:, first], groups[:, second]], 2).reshape(-1, 2)
        terms.append(_constant(f"{name}.pairs", pairs, 2 * weight, source, number))
    return terms


def check_symbols(rule: RuleLine, values: Values, faults: Faults) -> None:
    """Symbols that stand in a rule must be on the axis they index, or on some axis or set."""
    domains = _domains(rule, values)
    for cell in rule.cells:
        for index, axis in zip(cell.indices, values.axes.values(), strict=True):
            if isinstance(index, Symbol) and index.text not in axis.values:
                hint = suggestion(index.text, [str(value) for value in axis.values])
                reason = f"axis {axis.name} has no symbol '{index.text}'; {hint}"
                faults.add(index.at, reason)
            elif isinstance(index, Name) and index.name in domains:
                known = set(axis.values)
                odd = [value for value in domains[index.name] if value not in known]
                if any(isinstance(value, str) for value in odd):
                    reason = (
                        f"variable '{index.name}' can be '{odd[0]}', which is not on axis "
                        f"{axis.name}; let it run over the axis or over a part of it"
                    )
                    faults.add(index.at, reason)
    everything = {v for name in values.kinds for v in values.named_set(name)}
    everything.update(value for members in domains.values() for value in members)
    loose = [e for e in (rule.condition, rule.weight) if e is not None]
    while loose:
        expression = loose.pop()
        loose += children(expression)
        if isinstance(expression, Symbol) and expression.text not in everything:
            hint = suggestion(expression.text, [v for v in everything if isinstance(v, str)])
            faults.add(expression.at, f"no axis or set has '{expression.text}'; {hint}")


def _domains(rule: RuleLine, values: Values) -> dict[str, tuple[str | int, ...]]:
    """What each variable can be, but for free numbers of inputs."""
    domains: dict[str, tuple[str | int, ...]] = {}
    for binder in rule.binders:
        if not binder.rows:
            domains |= dict.fromkeys(binder.names, values.members(binder.domain))
            continue
        line = values.names.inputs[next(iter(names_in(binder.domain)))]
        for name, column in zip(binder.names, line.columns, strict=True):
            if column.domain is not None:
                domains[name] = values.members(column.domain)
    return domains


def _stages(rule: RuleLine, values: Values) -> list[Stage]:
    stages = []
    for binder in rule.binders:
        if binder.rows:
            table = values.tables[next(iter(names_in(binder.domain)))]
            columns = zip(binder.names, table, strict=True)
            stages.append(Stage({name: column for name, column in columns if name != "_"}))
        else:
            members = values.coded(values.members(binder.domain))
            stages += [Stage({name: members}) for name in binder.names]
    return stages


def _tests(rule: RuleLine, values: Values) -> list[Test]:
    """The condition in parts joined by `and`, then that each index is inside its axis."""
    tests = [_condition(part, values) for part in _conjuncts(rule.condition)]
    domains = _domains(rule, values)
    for cell in rule.cells:
        for index, axis in zip(cell.indices, values.axes.values(), strict=True):
            always = isinstance(index, Name) and set(domains.get(index.name, ("",))) <= {
                *axis.values
            }
            if not (axis.cyclic or always or isinstance(index, Symbol)):
                tests.append(_inside(index, axis.name, values))
    return tests


def _condition(part: Expression, values: Values) -> Test:
    def passed(columns: Mapping[str, Tensor]) -> Truth:
        return Evaluation(values, columns, learned=False).truth(part)

    return _test(part, passed)


def _inside(index: Expression, axis: str, values: Values) -> Test:
    def passed(columns: Mapping[str, Tensor]) -> Truth:
        whole = Evaluation(values, columns, learned=False).whole(index)
        return values.positions(axis, whole) >= 0

    return _test(index, passed)


def _test(expression: Expression, passed: Callable[[Mapping[str, Tensor]], Truth]) -> Test:
    """A test of the variables in an expression, guarded if it can fail on some values."""
    stack, guarded = [expression], False
    while stack:
        part = stack.pop()
        stack += children(part)
        if isinstance(part, Binary):
            guarded |= part.operator in ("/", "//", "%", "**")
        guarded |= isinstance(part, Call) and part.name == "index"
    return Test(frozenset(names_in(expression)), passed, guarded)


def _conjuncts(condition: Expression | None) -> list[Expression]:
    """The parts of a condition that must all hold, from left to right."""
    if condition is None:
        return []
    if isinstance(condition, Binary) and condition.operator == "and":
        return _conjuncts(condition.left) + _conjuncts(condition.right)
    if isinstance(condition, Compare) and len(condition.operators) > 1:
        links = zip(condition.operands, condition.operators, condition.operands[1:], strict=False)
        return [Compare((word,), (left, right), left.at) for left, word, right in links]
    return [condition]


def _neurons(
    cell: Cell, grid: Grid, values: Values, evaluation: Evaluation, found: Instances
) -> Tensor:
    """Flat indices of a cell's neurons, `(n,)`."""
    places = []
    for index, axis in zip(cell.indices, grid.axes, strict=True):
        place = values.positions(axis.name, evaluation.whole(index))
        places.append(place.expand(found.count))
    return grid.neurons(places)


def _weights(rule: RuleLine, values: Values, found: Instances) -> Tensor:
    """Weight of each instance, `(n,)`; zeros of a hard rule."""
    if rule.weight is None:
        return torch.zeros(found.count, dtype=torch.float64)
    number = Evaluation(values, found.columns, learned=True).number(rule.weight)
    weights = as_tensor(number).double().expand(found.count)
    _require_finite(weights, rule.weight.at)
    return weights


def _constant(name: str, neurons: Tensor, weight: Tensor, source: str, line: int) -> CouplingTerm:
    return CouplingTerm(name, neurons, weight.expand(len(neurons)), False, source, line)


def _require_finite(weights: Tensor, at: Place) -> None:
    if not bool(weights.detach().isfinite().all()):
        raise EvaluationError(at, "a weight is not a finite number")
