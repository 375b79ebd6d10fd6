"""A slow reading of rule programs, instance by instance, to compare the compiler with."""

import itertools
import math
from collections.abc import Mapping, Sequence

from esr.rules.faults import Faults
from esr.rules.parser import parse_text
from esr.rules.tree import (
    AxisLine,
    Binary,
    Braces,
    Call,
    Compare,
    Expression,
    Name,
    Number,
    RuleLine,
    SetLine,
    Source,
    Symbol,
    Unary,
)

Value = int | float | str | bool | list[int | float | str]


class Interpreter:
    """Programs of axes, sets and rules without inputs."""

    def __init__(self, text: str, parameters: Mapping[str, float]) -> None:
        faults = Faults()
        statements = parse_text(Source(text), faults)
        faults.raise_if_any()
        self.names: dict[str, Value] = dict(parameters)
        self.axes: dict[str, list[int | float | str]] = {}
        self.cyclic: list[bool] = []
        for line in statements:
            if isinstance(line, (AxisLine, SetLine)):
                value = self.value(line.values, {})
                assert isinstance(value, list)
                self.names[line.name] = value
                if isinstance(line, AxisLine):
                    self.axes[line.name] = value
                    self.cyclic.append(line.cyclic)
        self.rules = [line for line in statements if isinstance(line, RuleLine)]

    def couplings(self) -> dict[tuple[tuple[int, ...], ...], float]:
        """Total weight of each tuple of neurons, by positions; infinite where forbidden."""
        total: dict[tuple[tuple[int, ...], ...], float] = {}
        for rule in self.rules:
            names = [name for binder in rule.binders for name in binder.names]
            sets = [self.value(b.domain, {}) for b in rule.binders for _ in b.names]
            for combination in itertools.product(*sets):  # type: ignore[arg-type]
                bound = dict(zip(names, combination, strict=True))
                if rule.condition is not None and not self.value(rule.condition, bound):
                    continue
                cells = [self.place(cell.indices, bound) for cell in rule.cells]
                if any(cell is None for cell in cells):
                    continue
                key = tuple(cell for cell in cells if cell is not None)
                weight = math.inf if rule.weight is None else self.value(rule.weight, bound)
                assert isinstance(weight, (int, float))
                total[key] = total.get(key, 0.0) + weight
        return total

    def place(
        self, indices: Sequence[Expression], bound: Mapping[str, Value]
    ) -> tuple[int, ...] | None:
        places = []
        for index, values, cyclic in zip(indices, self.axes.values(), self.cyclic, strict=True):
            value = self.value(index, bound)
            if cyclic:
                assert isinstance(value, int)
                assert isinstance(values[0], int)
                places.append((value - values[0]) % len(values))
            elif value in values:
                places.append(values.index(value))  # type: ignore[arg-type]
            else:
                return None
        return tuple(places)

    def value(self, expression: Expression, bound: Mapping[str, Value]) -> Value:
        if isinstance(expression, Number):
            return expression.value
        if isinstance(expression, Symbol):
            return expression.text
        if isinstance(expression, Name):
            return (
                bound[expression.name] if expression.name in bound else self.names[expression.name]
            )
        if isinstance(expression, Braces):
            items = [i.text if isinstance(i, Symbol) else i.value for i in expression.items]
            return list(items) if expression.of_numbers else [str(item) for item in items]
        if isinstance(expression, Compare):
            values = [self.value(operand, bound) for operand in expression.operands]
            links = zip(values, expression.operators, values[1:], strict=False)
            return all(_compared(left, word, right) for left, word, right in links)
        if isinstance(expression, Unary):
            operand = self.value(expression.operand, bound)
            return not operand if expression.operator == "not" else -operand  # type: ignore[operator]
        if isinstance(expression, Call):
            return self.call(expression, [self.value(a, bound) for a in expression.arguments])
        if isinstance(expression, Binary):
            return _joined(
                expression.operator,
                self.value(expression.left, bound),
                self.value(expression.right, bound),
            )
        raise AssertionError(expression)

    def call(self, call: Call, values: Sequence[Value]) -> Value:
        if call.name == "size":
            return len(values[0])  # type: ignore[arg-type]
        if call.name == "index":
            (axis,) = [v for v in self.axes.values() if isinstance(v[0], str)]
            return axis.index(values[0])  # type: ignore[arg-type]
        return {"abs": abs, "min": min, "max": max}[call.name](*values)  # type: ignore[operator]


def _compared(left: Value, word: str, right: Value) -> bool:
    if word in ("in", "not in"):
        return (left in right) is (word == "in")  # type: ignore[operator]
    return bool(
        {
            "==": lambda: left == right,
            "!=": lambda: left != right,
            "<": lambda: left < right,  # type: ignore[operator]
            "<=": lambda: left <= right,  # type: ignore[operator]
            ">": lambda: left > right,  # type: ignore[operator]
            ">=": lambda: left >= right,  # type: ignore[operator]
        }[word]()
    )


def _joined(sign: str, left: Value, right: Value) -> Value:
    if isinstance(left, list) and isinstance(right, list):
        if sign == "|":
            return left + [value for value in right if value not in left]
        return [value for value in left if (value in right) is (sign == "&")]
    if sign == "and":
        return bool(left and right)
    if sign == "or":
        return bool(left or right)
    assert isinstance(left, (int, float))
    assert isinstance(right, (int, float))
    if sign == "..":
        return list(range(int(left), int(right) + 1))
    return {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "//": lambda: left // right,
        "%": lambda: left % right,
        "**": lambda: left**right,
    }[sign]()
