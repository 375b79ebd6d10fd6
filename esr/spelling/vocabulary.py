"""The symbols of trees: empty, variables, constants, primitives."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from esr.equations import Call, Constant, Expression, Primitive, PrimitiveSet, Variable
from esr.errors import ConfigurationError, DataError, suggestion
from esr.spelling.infix_alphabet import EMPTY

__all__ = ["EMPTY_ARITY", "Vocabulary"]

EMPTY_ARITY = -1
"""The arity of the empty symbol, which has no value."""


@dataclass(frozen=True)
class Vocabulary:
    """S symbols in this order: `N` for empty, the variables, the constants, the primitives.

    Arguments:
        primitives: Without scale, with distinct names.
        variables: Names of the D input columns.
        constants: Finite numbers.
    Raises:
        ConfigurationError: If two symbols are equal, no symbol is a leaf, or a primitive has a
            scale.
        ValueError: If a variable's name is no identifier or a constant is not finite.
    """

    primitives: tuple[Primitive, ...]
    variables: tuple[str, ...]
    constants: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        repeated = sorted({s for s in self.symbols if self.symbols.count(s) > 1})
        if repeated:
            raise ConfigurationError(
                f"symbols must be distinct and N is the empty one, but {', '.join(repeated)} "
                "came twice"
            )
        if not self._leaves:
            raise ConfigurationError("a tree needs leaves; give a variable or a constant")
        for primitive in self.primitives:
            if primitive.scale != primitive.base.scale:
                raise ConfigurationError(
                    f"primitive '{primitive.name}' has {primitive.scale}; give its base"
                )

    @staticmethod
    def of(
        primitives: PrimitiveSet | Iterable[Primitive],
        variables: Sequence[str],
        constants: Sequence[float],
    ) -> "Vocabulary":
        """A vocabulary of any collections, in their order."""
        functions = primitives.values() if isinstance(primitives, PrimitiveSet) else primitives
        return Vocabulary(tuple(functions), tuple(variables), tuple(constants))

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The S symbols as text."""
        leaves = (str(leaf) for leaf in self._leaves)
        return (EMPTY, *leaves, *(primitive.name for primitive in self.primitives))

    @cached_property
    def _leaves(self) -> tuple[Expression, ...]:
        return (*map(Variable, self.variables), *map(Constant, self.constants))

    @property
    def first_primitive(self) -> int:
        """The index of the first primitive among the symbols."""
        return 1 + len(self._leaves)

    def arities(self, device: torch.device) -> Tensor:
        """The number of arguments of each symbol, -1 for the empty one, shape `(S,)`, long."""
        counts = [EMPTY_ARITY, *(0,) * len(self._leaves), *(p.arity for p in self.primitives)]
        return torch.tensor(counts, device=device)

    def leaf_values(self, inputs: Tensor) -> Tensor:
        """What each symbol is worth as a leaf; NaN for the empty one and for primitives.

        Arguments:
            inputs: Shape `(N, D)`.
        Returns:
            Shape `(S, N)`.
        """
        values = inputs.new_full((len(self.symbols), len(inputs)), math.nan)
        last = 1 + len(self.variables)
        values[1:last] = inputs.T
        values[last : self.first_primitive] = inputs.new_tensor(self.constants)[:, None]
        return values

    def expression(self, index: int, arguments: tuple[Expression, ...]) -> Expression:
        """A symbol applied to its arguments.

        Arguments:
            index: Of a symbol that is not the empty one.
            arguments: As many as its arity.
        """
        if index >= self.first_primitive:
            return Call(self.primitives[index - self.first_primitive], arguments)
        return self._leaves[index - 1]

    def index(self, node: Expression) -> int:
        """The symbol of a node of an expression, whatever its arguments.

        Raises:
            DataError: If there is none.
        """
        if isinstance(node, Call):
            if node.primitive in self.primitives:
                return self.first_primitive + self.primitives.index(node.primitive)
            name = node.primitive.name
        elif node in self._leaves:
            return 1 + self._leaves.index(node)
        else:
            name = str(node)
        raise DataError(f"no symbol stands for {name!r}; {suggestion(name, self.symbols)}")
