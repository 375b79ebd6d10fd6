"""What kind of value an expression has: number, symbol, set of either, or truth."""

from collections.abc import Mapping
from enum import Enum

from esr.errors import suggestion
from esr.rules.faults import Faults
from esr.rules.names import FUNCTIONS, RESERVED, Names
from esr.rules.tree import (
    Binary,
    Braces,
    Call,
    Compare,
    Expression,
    Name,
    Number,
    Symbol,
    Unary,
)

__all__ = ["Kind", "Kinds"]


class Kind(Enum):
    """Kind of a value."""

    NUMBER = "a number"
    SYMBOL = "a symbol"
    NUMBERS = "a set of numbers"
    SYMBOLS = "a set of symbols"
    TRUTH = "a condition"

    @property
    def member(self) -> "Kind":
        """Kind of the members of a set."""
        return Kind.NUMBER if self is Kind.NUMBERS else Kind.SYMBOL


SETS = (Kind.NUMBERS, Kind.SYMBOLS)
_ARITHMETIC = ("+", "-", "*", "/", "//", "%", "**")


class Kinds:
    """Finds the kinds of expressions and adds what does not fit to the faults.

    Arguments:
        names: The declarations.
        faults: Takes unknown names and values of the wrong kind.
    """

    def __init__(self, names: Names, faults: Faults) -> None:
        self._names, self._faults = names, faults
        self._known: dict[str, Kind | None] = {}
        self._open: list[str] = []
        for name, line in names.parameters.items():
            self._declared(name, line.default, Kind.NUMBER)
        for name in (*names.axes, *names.sets):
            self.of_set(name)

    def of_set(self, name: str) -> Kind | None:
        """Kind of an axis or a set; None if it is at fault."""
        line = self._names.axes.get(name) or self._names.sets[name]
        return self._declared(name, line.values, *SETS)

    def need(
        self, expression: Expression, *wanted: Kind, scope: Mapping[str, Kind | None]
    ) -> Kind | None:
        """The kind of an expression, which must be one of those wanted; None if it is not.

        Arguments:
            expression: Any.
            wanted: Kinds that fit.
            scope: Kinds of the variables that may be used; None for those at fault.
        """
        kind = self._of(expression, scope)
        if kind is None or kind in wanted:
            return kind
        expected = " or ".join(want.value for want in wanted)
        hint = ""
        if kind is Kind.SYMBOL and Kind.NUMBER in wanted:
            hint = "; index(...) is its position on its axis"
        elif kind is Kind.NUMBER and isinstance(expression, Number) and Kind.SYMBOL in wanted:
            hint = f"; write '{expression.value}' in quotes for a symbol"
        elif kind is Kind.NUMBERS and Kind.SYMBOLS in wanted and isinstance(expression, Braces):
            hint = "; put its members in quotes"
        self._faults.add(expression.at, f"expected {expected}, but this is {kind.value}{hint}")
        return None

    def _declared(self, name: str, value: Expression, *wanted: Kind) -> Kind | None:
        """Kind of a declared name's value, which must not depend on the name itself."""
        if name in self._open:
            self._faults.add(value.at, f"'{name}' is defined through itself; give it a value")
            return None
        if name not in self._known:
            self._open.append(name)
            self._known[name] = self.need(value, *wanted, scope={})
            self._open.pop()
        return self._known[name]

    def _of(self, expression: Expression, scope: Mapping[str, Kind | None]) -> Kind | None:
        if isinstance(expression, Number):
            return Kind.NUMBER
        if isinstance(expression, Symbol):
            return Kind.SYMBOL
        if isinstance(expression, Braces):
            return Kind.NUMBERS if expression.of_numbers else Kind.SYMBOLS
        if isinstance(expression, Name):
            return self._name(expression, scope)
        if isinstance(expression, Unary):
            kind = Kind.TRUTH if expression.operator == "not" else Kind.NUMBER
            return self.need(expression.operand, kind, scope=scope)
        if isinstance(expression, Call):
            return self._call(expression, scope)
        if isinstance(expression, Compare):
            return self._compare(expression, scope)
        return self._binary(expression, scope)

    def _name(self, expression: Name, scope: Mapping[str, Kind | None]) -> Kind | None:
        name, names = expression.name, self._names
        if name in scope:
            return scope[name]
        if name in names.parameters:
            return self._declared(name, names.parameters[name].default, Kind.NUMBER)
        if name in names.axes or name in names.sets:
            return self.of_set(name)
        if name in RESERVED:
            reason = f"'{name}' is a word of the language and cannot stand here"
        elif name in names.inputs:
            reason = f"'{name}' is an input; bind its rows with 'for (...) in {name}'"
        elif any(name == symbol for symbol in self._symbols()):
            reason = f"'{name}' is no variable; write it in quotes for the symbol"
        else:
            known = (*scope, *names.parameters, *names.axes, *names.sets)
            reason = f"'{name}' is unknown; {suggestion(name, known)}"
        self._faults.add(expression.at, reason)
        return None

    def _symbols(self) -> list[str]:
        """The symbols that are written in braces anywhere in axes and sets."""
        stack: list[Expression] = [line.values for line in self._names.axes.values()]
        stack += [line.values for line in self._names.sets.values()]
        found = []
        while stack:
            value = stack.pop()
            if isinstance(value, Braces):
                found += [item.text for item in value.items if isinstance(item, Symbol)]
            elif isinstance(value, Binary):
                stack += [value.left, value.right]
        return found

    def _call(self, call: Call, scope: Mapping[str, Kind | None]) -> Kind | None:
        if call.name not in FUNCTIONS:
            reason = f"function '{call.name}' is unknown; {suggestion(call.name, FUNCTIONS)}"
            self._faults.add(call.at, reason)
            return None
        least, most = FUNCTIONS[call.name]
        if not least <= len(call.arguments) <= most:
            count = str(least) if least == most else f"{least} to {most}"
            plural = "" if most == 1 else "s"
            reason = f"{call.name} takes {count} argument{plural}, but got {len(call.arguments)}"
            self._faults.add(call.at, reason)
            return None
        first = call.arguments[0]
        if call.name == "size":
            if not (isinstance(first, Name) and first.name in self._names.inputs):
                self.need(first, *SETS, scope={})
        elif call.name == "index":
            self._index(call, scope)
        else:
            for argument in call.arguments:
                self.need(argument, Kind.NUMBER, scope=scope)
        return Kind.NUMBER

    def _index(self, call: Call, scope: Mapping[str, Kind | None]) -> None:
        """`index(symbol)` where one axis holds symbols, or `index(value, axis)`."""
        axes = {name: self.of_set(name) for name in self._names.axes}
        if len(call.arguments) == 1:
            self.need(call.arguments[0], Kind.SYMBOL, scope=scope)
            fitting = [name for name, kind in axes.items() if kind is Kind.SYMBOLS]
            if len(fitting) != 1:
                listed = ", ".join(fitting) or "none"
                reason = f"name the axis, as in index(s, axis); axes of symbols: {listed}"
                self._faults.add(call.at, reason)
            return
        kind = self.need(call.arguments[0], Kind.NUMBER, Kind.SYMBOL, scope=scope)
        axis = call.arguments[1]
        if not isinstance(axis, Name) or axis.name not in axes:
            shown = axis.name if isinstance(axis, Name) else ""
            self._faults.add(axis.at, f"expected an axis; {suggestion(shown, axes)}")
        elif kind is not None and (of_axis := axes[axis.name]) is not None:
            self.need(call.arguments[0], of_axis.member, scope=scope)

    def _compare(self, chain: Compare, scope: Mapping[str, Kind | None]) -> Kind | None:
        pairs = zip(chain.operands, chain.operators, chain.operands[1:], strict=False)
        for left, operator, right in pairs:
            kind = self.need(left, Kind.NUMBER, Kind.SYMBOL, scope=scope)
            if operator in ("in", "not in"):
                domain = self.need(right, *SETS, scope={})
                if kind is not None and domain is not None:
                    self.need(left, domain.member, scope=scope)
                continue
            if kind is None:
                self.need(right, Kind.NUMBER, Kind.SYMBOL, scope=scope)
                continue
            if operator not in ("==", "!=") and kind is Kind.SYMBOL:
                reason = f"symbols have no order, so '{operator}' needs index(...) of them"
                self._faults.add(left.at, reason)
            self.need(right, kind, scope=scope)
        return Kind.TRUTH

    def _binary(self, binary: Binary, scope: Mapping[str, Kind | None]) -> Kind | None:
        operator = binary.operator
        if operator in ("and", "or"):
            left = self.need(binary.left, Kind.TRUTH, scope=scope)
            right = self.need(binary.right, Kind.TRUTH, scope=scope)
            return Kind.TRUTH if left is not None and right is not None else None
        if operator in ("|", "&"):
            wanted: tuple[Kind, ...] = SETS
        elif operator == "-":
            wanted = (Kind.NUMBER, *SETS)
        else:
            wanted = (Kind.NUMBER,)
        left = self.need(binary.left, *wanted, scope=scope)
        if left is None:
            self.need(binary.right, *wanted, scope=scope)
            return None
        right = self.need(binary.right, left, scope=scope)
        if right is None:
            return None
        return Kind.NUMBERS if operator == ".." else left
