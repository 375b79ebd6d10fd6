"""Expressions: immutable trees of constants, variables and calls of primitives."""

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING

import sympy
import torch
from torch import Tensor

from esr.equations.arithmetic import Arithmetic
from esr.equations.names import check_name
from esr.equations.primitive_set import PrimitiveSet
from esr.equations.primitives import Primitive
from esr.equations.standard import NEG, STANDARD
from esr.equations.traversal import fold, postorder, prefix

if TYPE_CHECKING:
    from esr.equations.module import ExpressionModule

__all__ = ["Call", "Constant", "Expression", "Variable"]


class Expression(Arithmetic):
    """A mathematical expression, as an immutable tree.

    A node is a `Constant`, a `Variable` or a `Call`. Equality and hash are structural: `x + y`
    differs from `y + x`, and -0.0 from 0.0; `equals` asks about the mathematics. Operators and
    numbers build trees as they are written, without simplifying. No method recurses, so a tree
    may be as deep as memory allows (sympy, which recurses, has its own limit).

    Methods import the sibling module that does the work when called, since those modules import
    this one.
    """

    complexity: int
    """Number of nodes."""
    depth: int
    """Number of nodes on the longest path from the root to a leaf."""
    arguments: tuple["Expression", ...]
    """The operands of a call; empty for a constant or a variable."""
    _hash: int

    @staticmethod
    def parse(
        text: str,
        primitives: PrimitiveSet = STANDARD,
        variables: Sequence[str] | None = None,
    ) -> "Expression":
        """Read an expression, as `esr.equations.parser.parse` describes; inverse of `str`.

        Arguments:
            text: For instance `2*sin(x)**2 - y/3`. It is data: nothing in it is executed.
            primitives: The functions that may be called by name; operators are always allowed.
            variables: The allowed variables; `None` for any name. A variable that is declared
                here takes precedence over the constants `pi` and `e`.
        Raises:
            ParseError: If the text is not an expression; it shows the place.
        """
        from esr.equations.parser import parse

        return parse(text, primitives, variables)

    @staticmethod
    def from_sympy(expression: sympy.Expr, primitives: PrimitiveSet = STANDARD) -> "Expression":
        """Convert from sympy, as `esr.equations.sympy_bridge.from_sympy` describes.

        Arguments:
            expression: A real sympy expression.
            primitives: The functions that may occur.
        Raises:
            ValueError: If a function or number has no counterpart; it is named.
        """
        from esr.equations.sympy_bridge import from_sympy

        return from_sympy(expression, primitives)

    def to_sympy(self) -> sympy.Expr:
        """The same expression in sympy, with variables `Symbol(name, real=True)`.

        Raises:
            ValueError: If the tree is too deep for sympy, which recurses.
        """
        from esr.equations.sympy_bridge import to_sympy

        return to_sympy(self)

    def to_torch(
        self, variables: Sequence[str], *, dtype: torch.dtype | None = None
    ) -> "ExpressionModule":
        """A module with the constants as trainable parameters.

        Arguments:
            variables: Names of the features of its input, in order.
            dtype: Type of the parameters; torch's default type if `None`.
        Raises:
            ValueError: If a variable of the expression is missing or one is named twice.
        """
        from esr.equations.module import ExpressionModule

        return ExpressionModule(self, variables, dtype=dtype)

    def evaluate(self, values: Mapping[str, Tensor]) -> Tensor:
        """The value for given tensors.

        Arguments:
            values: One tensor per variable, shapes `(*)` that broadcast; others are allowed.
        Returns:
            A new tensor of the broadcast shape of all given tensors, on their device and of
            their type (torch's default type if all are whole numbers). Outside the domain of a
            primitive the value is NaN or infinite.
        Raises:
            ValueError: If a variable has no value.
            TypeError: If a value is not a tensor.
        """
        from esr.equations.evaluation import evaluate

        return evaluate(self, values)

    def __call__(self, /, **values: Tensor) -> Tensor:
        """`evaluate` with variables as keywords: `expression(x=..., y=...)`."""
        return self.evaluate(values)

    def equals(
        self, other: "Expression", *, seconds: float = 5.0, decimals: int | None = None
    ) -> bool | None:
        """Whether both are the same function, as `symbolically_equal` describes.

        Arguments:
            other: Another expression.
            seconds: Time limit of the proof, above 0.
            decimals: Round constants to that many decimals first; `None` to leave them.
        Returns:
            `True` if proven, `False` if refuted, `None` if undecided.
        """
        from esr.equations.equality import symbolically_equal

        return symbolically_equal(self, other, seconds=seconds, decimals=decimals)

    def latex(self, digits: int = 4) -> str:
        """LaTeX source, for math mode.

        Arguments:
            digits: Significant digits of the constants, at least 1.
        """
        from esr.equations.latex import to_latex

        return to_latex(self, digits)

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables that occur, sorted."""
        return tuple(sorted({n.name for n in prefix(self) if isinstance(n, Variable)}))

    @property
    def constants(self) -> tuple[float, ...]:
        """Values of the constants in the order of the text, exponents included."""
        return tuple(node.value for node in prefix(self) if isinstance(node, Constant))

    def with_constants(self, values: Sequence[float]) -> "Expression":
        """The same tree with other constants.

        Arguments:
            values: One finite number per constant, in the order of `constants`.
        Raises:
            ValueError: If their number is wrong or one is not finite.
        """
        count = sum(isinstance(node, Constant) for node in prefix(self))
        if len(values) != count:
            raise ValueError(f"expected {count} constants for '{self:.4g}', but got {len(values)}")
        remaining = iter(values)
        return self._rebuilt(lambda n: Constant(next(remaining)) if isinstance(n, Constant) else n)

    def substitute(self, mapping: Mapping[str, "Expression | float"]) -> "Expression":
        """Replace variables, all at once.

        Arguments:
            mapping: An expression or number for each variable to replace; others stay.
        """
        return self._rebuilt(
            lambda node: (
                _operand(mapping[node.name])
                if isinstance(node, Variable) and node.name in mapping
                else node
            )
        )

    def _rebuilt(self, leaf: "Callable[[Expression], Expression]") -> "Expression":
        """The tree with every leaf replaced, from left to right."""
        return fold(
            self, lambda n, done: Call(n.primitive, done) if isinstance(n, Call) else leaf(n)
        )

    def __str__(self) -> str:
        """Text that `parse` reads back as an equal tree, with the constants' full precision."""
        from esr.equations.printer import to_text

        return to_text(self)

    def __format__(self, specification: str) -> str:
        """Text for reading: `f"{expression:.4g}"` rounds the constants and tidies the signs.

        Raises:
            ValueError: If the specification does not format a float as a number.
        """
        from esr.equations.printer import to_text
        from esr.equations.tidy import rounded, tidy

        return to_text(tidy(rounded(self, specification)) if specification else self)

    def __repr__(self) -> str:
        return f"Expression.parse({str(self)!r})"

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        pairs = [(self, other)]
        while pairs:
            left, right = pairs.pop()
            if left is right:
                continue
            if left._hash != right._hash or left._label() != right._label():
                return False
            pairs.extend(zip(left.arguments, right.arguments, strict=True))
        return True

    @abstractmethod
    def _label(self) -> tuple[object, ...]:
        """What tells this node from another one, its arguments aside."""

    def _freeze(self) -> None:
        """Fill in what is known once the arguments are: size, depth and hash."""
        parts = self.arguments
        object.__setattr__(self, "complexity", 1 + sum(part.complexity for part in parts))
        object.__setattr__(self, "depth", 1 + max((part.depth for part in parts), default=0))
        hashes = tuple(part._hash for part in parts)
        object.__setattr__(self, "_hash", hash((type(self), *self._label(), *hashes)))

    def __copy__(self) -> "Expression":
        return self

    def __deepcopy__(self, memory: object) -> "Expression":
        return self

    def _then(self, primitive: Primitive, other: "Expression | float") -> "Expression":
        return Call(primitive, (self, other))

    def _after(self, primitive: Primitive, other: "Expression | float") -> "Expression":
        return Call(primitive, (other, self))

    def __neg__(self) -> "Expression":
        return Call(NEG, (self,))


@dataclass(frozen=True, eq=False, repr=False)
class Constant(Expression):
    """A number.

    Arguments:
        value: Finite; kept as a float.
    Raises:
        TypeError: If it is not a real number.
        ValueError: If it is NaN or infinite.
    """

    value: float

    def __post_init__(self) -> None:
        if not _is_number(self.value):
            raise TypeError(f"a constant must be a real number, but is {self.value!r}")
        object.__setattr__(self, "value", float(self.value))
        if not math.isfinite(self.value):
            raise ValueError(f"a constant must be finite, but is {self.value!r}")
        object.__setattr__(self, "arguments", ())
        self._freeze()

    def _label(self) -> tuple[object, ...]:
        return self.value, math.copysign(1.0, self.value)

    def __reduce__(self) -> tuple[Callable[..., Expression], tuple[object, ...]]:
        return Constant, (self.value,)


@dataclass(frozen=True, eq=False, repr=False)
class Variable(Expression):
    """A variable.

    Arguments:
        name: An identifier.
    Raises:
        ValueError: If the name is not an identifier; TypeError if it is not a string.
    """

    name: str

    def __post_init__(self) -> None:
        check_name(self.name, "a variable")
        object.__setattr__(self, "arguments", ())
        self._freeze()

    def _label(self) -> tuple[object, ...]:
        return (self.name,)

    def __reduce__(self) -> tuple[Callable[..., Expression], tuple[object, ...]]:
        return Variable, (self.name,)


@dataclass(frozen=True, eq=False, repr=False)
class Call(Expression):
    """A primitive applied to expressions.

    Arguments:
        primitive: A primitive without scale; `apply` writes a scale out.
        arguments: One expression per argument of the primitive.
    Raises:
        TypeError: If an argument is not an expression or a number.
        ValueError: If the primitive has a scale, or the number of arguments is not its arity.
    """

    primitive: Primitive
    arguments: tuple[Expression, ...]

    def __init__(self, primitive: Primitive, arguments: Sequence[Expression | float]) -> None:
        if primitive.scale != primitive.base.scale:
            raise ValueError(
                f"a call needs a primitive without scale, but '{primitive.name}' has "
                f"{primitive.scale}; use apply(primitive, ...), which writes the scale out"
            )
        if len(arguments) != primitive.arity:
            raise ValueError(
                f"'{primitive.name}' takes {primitive.arity} argument"
                f"{'s' if primitive.arity > 1 else ''}, but got {len(arguments)}"
            )
        object.__setattr__(self, "primitive", primitive)
        object.__setattr__(self, "arguments", tuple(_operand(part) for part in arguments))
        self._freeze()

    def _label(self) -> tuple[object, ...]:
        return (self.primitive,)

    def __reduce__(self) -> tuple[Callable[..., Expression], tuple[object, ...]]:
        """Travel between processes as a flat list, since nested state would recurse."""
        flat = tuple(n.primitive if isinstance(n, Call) else n for n in postorder(self))
        return _from_postorder, flat


def _from_postorder(*nodes: Expression | Primitive) -> Expression:
    """The tree whose nodes are listed with every argument before its function."""
    done: list[Expression] = []
    for node in nodes:
        if isinstance(node, Primitive):
            first = len(done) - node.arity
            done[first:] = [Call(node, done[first:])]
        else:
            done.append(node)
    return done[0]


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _operand(value: Expression | float) -> Expression:
    """An expression as it is, a number as a constant."""
    if isinstance(value, Expression):
        return value
    if _is_number(value):
        return Constant(value)
    raise TypeError(
        "an expression can be combined with expressions and real numbers, but got "
        f"{type(value).__name__}; for tensors use evaluate"
    )
