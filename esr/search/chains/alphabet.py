"""The symbols of the chains: empty, the variables, a number, and the functions."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations import (
    STANDARD,
    Call,
    Constant,
    Expression,
    Primitive,
    PrimitiveSet,
    Variable,
    apply,
)

__all__ = ["Alphabet"]

_OPERATORS = ("add", "sub", "mul", "div", "pow", "square", "cube", "inverse")
"""Functions that any equation may have; the last three are whole powers."""
_LEFT_OUT = ("neg", "identity")
"""Functions that a gain of -1 or 1 stands for."""
_EXTRA = {"square": 1, "cube": 1, "inverse": 1}
"""Nodes more than one that a function takes when it is written out."""
_WEIGHTS = {
    **dict.fromkeys(("add", "mul"), 4.0),
    **dict.fromkeys(("sub", "div"), 3.0),
    **dict.fromkeys(("sqrt", "exp", "log", "sin", "cos", "square"), 1.0),
    **dict.fromkeys(("inverse", "cube"), 0.5),
}
_RARE = 0.1
"""Weight of every other function."""
_NUMBERS = 0.2
"""Share of the numbers among leaves that are drawn."""


class Alphabet:
    """S symbols in this order: 0 for empty, D variables, the number 1, the functions.

    Each symbol of a program has a gain, which multiplies its value, so that one symbol stands
    for all numbers. Operators and whole powers are always among the functions.

    Arguments:
        primitives: What else may occur.
        variables: Names of the D input columns.
        device: Of all tensors.
    """

    def __init__(
        self,
        primitives: PrimitiveSet,
        variables: Sequence[str],
        device: torch.device | str | None = None,
    ) -> None:
        self.variables = tuple(variables)
        names = [*_OPERATORS, *(name for name in primitives if name not in _OPERATORS)]
        known = {**STANDARD, **{name: p.base for name, p in primitives.items()}}
        functions = [known[name] for name in names if name not in _LEFT_OUT]
        self.functions: tuple[Primitive, ...] = tuple(
            sorted(functions, key=lambda function: -function.arity)
        )
        """Those of two arguments first."""
        self.number = 1 + len(self.variables)
        self.first_function = self.number + 1
        self.size = self.first_function + len(self.functions)
        self._symbols = {f.name: s for s, f in enumerate(self.functions, self.first_function)}
        self.device = device
        self.arities = self._per_symbol([-1], 0, [f.arity for f in self.functions])
        """Arguments of each symbol, -1 of the empty one, `(S,)`."""
        self.costs = self._per_symbol([0], 1, [1 + _EXTRA.get(f.name, 0) for f in self.functions])
        """Nodes that each symbol takes in an expression, `(S,)`."""

    def _per_symbol(self, empty: list[int], leaf: int, functions: list[int]) -> Tensor:
        leaves = [leaf] * (self.first_function - 1)
        return torch.tensor([*empty, *leaves, *functions], device=self.device)

    def weights(self) -> Tensor:
        """How often each symbol is drawn among those of its kind, leaf or function, `(S,)`."""
        variables = (1 - _NUMBERS) / max(1, len(self.variables))
        functions = [_WEIGHTS.get(f.name, _RARE) for f in self.functions]
        total = sum(functions)
        return torch.tensor(
            [0.0, *[variables] * len(self.variables), _NUMBERS, *(f / total for f in functions)],
            device=self.device,
            dtype=torch.float64,
        )

    def table(self, inputs: Tensor) -> Tensor:
        """What leaves are worth without their gains; 0 for the empty symbol.

        Arguments:
            inputs: Shape `(N, D)`.
        Returns:
            Shape `(2 + D, N)`.
        """
        rows = inputs.new_ones(self.first_function, len(inputs))
        rows[0] = 0
        rows[1 : self.number] = inputs.T
        return rows

    def function(self, symbol: int) -> Primitive:
        """The function of a symbol."""
        return self.functions[symbol - self.first_function]

    def symbol(self, name: str) -> int:
        """The symbol of a function's name.

        Raises:
            KeyError: If it is no function's.
        """
        return self._symbols[name]

    def expression(self, symbols: Sequence[int], gains: Sequence[float]) -> Expression:
        """One program written out, from the last slot to the root.

        Arguments:
            symbols: Of M slots, a valid tree.
            gains: Of M slots, finite.
        """
        built: dict[int, Expression] = {}
        for slot in reversed(range(len(symbols))):
            symbol, gain = symbols[slot], gains[slot]
            if symbol == 0:
                continue
            if symbol == self.number:
                built[slot] = Constant(gain)
                continue
            if symbol < self.number:
                node: Expression = Variable(self.variables[symbol - 1])
            else:
                function = self.function(symbol)
                places = range(2 * slot + 1, 2 * slot + 1 + function.arity)
                node = apply(function, *(built[place] for place in places))
            built[slot] = scaled(node, gain)
        return built[0]

    def placed(self, expression: Expression, depth: int) -> dict[int, tuple[int, float]] | None:
        """The slots of an expression with their symbols and gains; None if it has none.

        Arguments:
            expression: Any.
            depth: Levels that it may take.
        """
        placed: dict[int, tuple[int, float]] = {}
        stack: list[tuple[Expression, int]] = [(expression, 0)]
        while stack:
            node, slot = stack.pop()
            gain, node = _gain(node)
            if slot >= 2**depth - 1:
                return None
            if isinstance(node, Constant):
                placed[slot] = self.number, gain * node.value
            elif isinstance(node, Variable):
                if node.name not in self.variables:
                    return None
                placed[slot] = 1 + self.variables.index(node.name), gain
            else:
                name, arguments = _named(node)
                if name not in self._symbols:
                    return None
                placed[slot] = self._symbols[name], gain
                stack += [(part, 2 * slot + side) for side, part in enumerate(arguments, 1)]
        return placed


def scaled(node: Expression, gain: float) -> Expression:
    """A node with its gain, which is left out if it is 1."""
    if gain == 1:
        return node
    if isinstance(node, Constant):
        return Constant(node.value * gain)
    return -node if gain == -1 else gain * node


def _gain(node: Expression) -> tuple[float, Expression]:
    """The constant factors of a node, and what they multiply."""
    gain = 1.0
    while isinstance(node, Call):
        name, parts = node.primitive.name, node.arguments
        if name == "neg":
            gain, node = -gain, parts[0]
        elif name == "identity":
            node = parts[0]
        elif name == "mul" and isinstance(parts[0], Constant):
            gain, node = gain * parts[0].value, parts[1]
        elif name == "mul" and isinstance(parts[1], Constant):
            gain, node = gain * parts[1].value, parts[0]
        elif name == "div" and isinstance(parts[1], Constant) and parts[1].value:
            gain, node = gain / parts[1].value, parts[0]
        else:
            break
    return gain, node


def _named(node: Expression) -> tuple[str, tuple[Expression, ...]]:
    """The function of a call and its arguments; whole powers and inverses by their names."""
    assert isinstance(node, Call)
    name, parts = node.primitive.name, node.arguments
    if name == "pow" and isinstance(parts[1], Constant):
        power = {2.0: "square", 3.0: "cube", -1.0: "inverse"}.get(parts[1].value)
        if power is not None:
            return power, parts[:1]
    return name, parts
