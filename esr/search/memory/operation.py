"""One step of a stored program: a primitive applied to one or two stored programs."""

from dataclasses import dataclass

from torch import Tensor

from esr.equations import Call, Constant, Expression, Primitive

__all__ = ["Operation"]


@dataclass(frozen=True)
class Operation:
    r"""A primitive of stored programs, with a number inside or as its other argument.

    .. math:: p(k f), \quad p(f, c), \quad p(c, f), \quad p(f, g)

    Arguments:
        primitive: :math:`p`, without scale.
        factor: :math:`k` on the program of a primitive of one argument, not 0.
        number: :math:`c`, one argument of a primitive of two; `None` if both are programs.
        number_first: Whether the number is the first of the two.
    """

    primitive: Primitive
    factor: float = 1.0
    number: float | None = None
    number_first: bool = False

    @property
    def arity(self) -> int:
        """How many programs it is applied to."""
        return self.primitive.arity - (self.number is not None)

    @property
    def nodes(self) -> int:
        """Nodes that it adds to those of its programs."""
        return 1 + (self.number is not None) + 2 * (self.factor != 1)

    @property
    def levels(self) -> int:
        """Levels of nodes above its programs."""
        return 1 + (self.factor != 1)

    def __call__(self, *values: Tensor) -> Tensor:
        """The values `(*)` for the programs' values `(*)`; not finite outside the domain."""
        if self.number is not None:
            number = values[0].new_full((), self.number)
            values = (number, values[0]) if self.number_first else (values[0], number)
        elif self.factor != 1:
            values = (self.factor * values[0],)
        result: Tensor = self.primitive.torch_function(*values)
        return result

    def write(self, *programs: Expression) -> Expression:
        """The expression for the programs' expressions."""
        arguments = list(programs)
        if self.number is not None:
            arguments.insert(0 if self.number_first else 1, Constant(self.number))
        elif self.factor != 1:
            arguments[0] = self.factor * arguments[0]
        return Call(self.primitive, arguments)
