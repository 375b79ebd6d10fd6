"""Which symbols the trees of a question's equations show, and which symbol a node is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from esr.equations import STANDARD, Call, Expression, PrimitiveSet, Variable
from esr.errors import ConfigurationError

__all__ = ["CONSTANT", "Vocabulary", "shape_of"]

CONSTANT = "constant"
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}
_OPERATORS = ("+", "-", "*", "/", "^", "neg")
_WRITTEN_OUT = ("identity", "square", "cube", "inverse")
"""Functions that `apply` writes with operators; a tree shows them in that way only."""


@dataclass(frozen=True)
class Vocabulary:
    """What can stand at the nodes of a tree.

    Arguments:
        variables: Names of the variables.
        functions: Names of the functions that may occur.
        others: Standard functions that may not; rules may name them all the same.
        binary: Operators and functions of two arguments, of either kind.
    """

    variables: tuple[str, ...]
    functions: tuple[str, ...]
    others: tuple[str, ...]
    binary: tuple[str, ...]

    @classmethod
    def of(cls, variables: Sequence[str], primitives: PrimitiveSet) -> "Vocabulary":
        """The symbols of a question.

        Arguments:
            variables: Names of the variables.
            primitives: Functions that may occur. Operators always may.
        Raises:
            ConfigurationError: If a variable has the name of another symbol.
        """
        arity = {p.base.name: p.arity for p in (*STANDARD.values(), *primitives.values())}
        available = dict.fromkeys(p.base.name for p in primitives.values())
        functions = tuple(name for name in available if _is_function(name))
        taken = [n for n in variables if n in (CONSTANT, *_OPERATORS, *functions)]
        if taken:
            raise ConfigurationError(
                f"variable '{taken[0]}' has a name that rules on equations use for something "
                "else; rename the variable"
            )
        known = {*functions, *variables}
        others = tuple(n for n in STANDARD if _is_function(n) and n not in known)
        signs = {_SIGNS.get(name, name): count for name, count in arity.items()}
        named = (*_OPERATORS, *functions, *others)
        binary = tuple(symbol for symbol in named if signs[symbol] == 2)
        return cls(tuple(variables), functions, others, binary)

    @property
    def symbols(self) -> tuple[str, ...]:
        """All symbols, those of functions that may not occur last."""
        return (CONSTANT, *self.variables, *_OPERATORS, *self.functions, *self.others)

    @property
    def leaves(self) -> frozenset[str]:
        """Symbols without arguments."""
        return frozenset((CONSTANT, *self.variables))

    @property
    def sets(self) -> Mapping[str, tuple[str, ...]]:
        """Members of the sets of `standard:equation` that are the question's."""
        return {"variable": self.variables, "binary": self.binary}


def shape_of(expression: Expression) -> tuple[tuple[str, int], ...]:
    """The symbol and the number of arguments of each node, in prefix order.

    Arguments:
        expression: Any. Calls of `square` and such show as they are written out.
    """
    shape: list[tuple[str, int]] = []
    stack: list[Expression] = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Call):
            name, arguments = node.primitive.name, node.arguments
            if name in _WRITTEN_OUT:
                stack.append(_written_out(node))
                continue
            shape.append((_SIGNS.get(name, name), len(arguments)))
            stack += arguments[::-1]
        elif isinstance(node, Variable):
            shape.append((node.name, 0))
        else:
            shape.append((CONSTANT, 0))
    return tuple(shape)


def _written_out(call: Call) -> Expression:
    """The call in operators."""
    (argument,) = call.arguments
    if call.primitive.name == "identity":
        return argument
    if call.primitive.name == "inverse":
        return 1 / argument
    return argument ** (2 if call.primitive.name == "square" else 3)


def _is_function(name: str) -> bool:
    return name not in _WRITTEN_OUT and name not in _SIGNS and name not in _OPERATORS
