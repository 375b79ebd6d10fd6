"""The header of a rule, its variables and its condition, and the instances that it has."""

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from esr.rules.evaluation import Evaluation, Truth
from esr.rules.instances import Instances, Stage, Test, expand
from esr.rules.symbols import domains
from esr.rules.tree import (
    Binary,
    Binder,
    Call,
    Compare,
    CountLine,
    Expression,
    Name,
    RuleLine,
    Symbol,
    children,
    names_in,
)
from esr.rules.values import Values

__all__ = ["Indices", "conjuncts", "instances_of"]

Indices = Sequence[Expression | None]
"""What stands in the brackets of a cell; None is no single index."""


def instances_of(
    rule: RuleLine | CountLine, cells: Sequence[Indices], values: Values
) -> Instances:
    """The values of a rule's variables that satisfy its condition and keep within the axes.

    Raises:
        EvaluationError: If a value cannot be computed or there are too many.
    """
    return expand(_stages(rule.binders, values), _tests(rule, cells, values), rule.at)


def conjuncts(condition: Expression | None) -> list[Expression]:
    """The parts of a condition that must all hold, from left to right."""
    if condition is None:
        return []
    if isinstance(condition, Binary) and condition.operator == "and":
        return conjuncts(condition.left) + conjuncts(condition.right)
    if isinstance(condition, Compare) and len(condition.operators) > 1:
        links = zip(condition.operands, condition.operators, condition.operands[1:], strict=False)
        return [Compare((word,), (left, right), left.at) for left, word, right in links]
    return [condition]


def _stages(binders: Sequence[Binder], values: Values) -> list[Stage]:
    stages = []
    for binder in binders:
        if binder.rows:
            table = values.tables[next(iter(names_in(binder.domain)))]
            columns = zip(binder.names, table, strict=True)
            stages.append(Stage({name: column for name, column in columns if name != "_"}))
        else:
            members = values.coded(values.members(binder.domain))
            stages += [Stage({name: members}) for name in binder.names]
    return stages


def _tests(rule: RuleLine | CountLine, cells: Sequence[Indices], values: Values) -> list[Test]:
    """The condition in parts joined by `and`, then that each index is inside its axis."""
    tests = [_condition(part, values) for part in conjuncts(rule.condition)]
    known = domains(rule.binders, values)
    for cell in cells:
        for index, axis in zip(cell, values.axes.values(), strict=True):
            always = isinstance(index, Name) and set(known.get(index.name, ("",))) <= {
                *axis.values
            }
            fixed = index is None or isinstance(index, Symbol)
            if not (index is None or fixed or axis.cyclic or always):
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
