"""A term of an equation with places for numbers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations import Call, Constant, Expression, Variable, fold, parse, prefix
from esr.equations.evaluation import Evaluator
from esr.errors import ConfigurationError

__all__ = ["Form"]


class Form:
    """A term such as `#*x*sin(#*y)`, in which each # is the place of a number.

    It is `#` alone, or a product that begins with `#*`: the term's coefficient.

    Arguments:
        text: The term, without spaces.
        variables: Names of the inputs it may use.
    Raises:
        ConfigurationError: If it is no product with a coefficient or cannot be read.
    """

    def __init__(self, text: str, variables: Sequence[str]) -> None:
        if type(text) is not str or (text != "#" and not text.startswith("#*")) or " " in text:
            raise ConfigurationError(
                f"a term must be # or begin with #*, its coefficient, and have no spaces, but is "
                f"{text!r}"
            )
        self.text, self.variables = text, tuple(variables)
        pieces = text.split("#")
        self.numbers = len(pieces) - 1
        """How many numbers it holds, the coefficient first."""
        names = [f"number{place}" for place in range(self.numbers)]
        if clash := sorted(set(names) & set(variables)):
            raise ConfigurationError(f"a variable must not be called {clash[0]!r}")
        written = "".join(a + b for a, b in zip(pieces, [*names, ""], strict=True))
        try:
            self.expression: Expression = parse(written, variables=[*names, *variables])
        except ValueError as error:
            raise ConfigurationError(f"cannot read the term {text!r}: {error}") from error
        _require_factor(self.expression, names[0], text)
        leaves = [node for node in prefix(self.expression) if not node.arguments]
        constants = [
            node
            for node in leaves
            if isinstance(node, Constant) or (isinstance(node, Variable) and node.name in names)
        ]
        self._literals = [node.value if isinstance(node, Constant) else None for node in constants]
        self._evaluator = Evaluator(_with_constants(self.expression, names), self.variables)

    @property
    def inner(self) -> int:
        """How many numbers stand inside, the coefficient not counted."""
        return self.numbers - 1

    def evaluate(self, numbers: Tensor, points: Tensor) -> Tensor:
        """Values of the term.

        Arguments:
            numbers: Its numbers in each of M equations, `(M, numbers)`.
            points: `(N, D)`, or `(M, N, D)` with own points for each equation.
        Returns:
            Values `(M, N)`.
        """
        values = self._evaluator(points.unbind(-1), self._constants(numbers))
        return values.expand(numbers.shape[0], points.shape[-2])

    def linearised(self, numbers: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Values `(M, N)` of the term and their derivatives by its numbers, `(M, N, numbers)`,
        both without autograd.

        Arguments:
            numbers: `(M, numbers)`.
            points: `(N, D)` or `(M, N, D)`.
        """
        wanted = [literal is None for literal in self._literals]
        constants = self._constants(numbers)
        with torch.no_grad():
            values, slopes = self._evaluator.with_slopes(points.unbind(-1), constants, wanted)
        shape = (numbers.shape[0], points.shape[-2])
        every = [
            (slope if isinstance(slope, Tensor) else values.new_tensor(slope)).expand(shape)
            for slope in slopes
        ]
        return values.expand(shape), torch.stack(every, 2)

    def _constants(self, numbers: Tensor) -> list[Tensor]:
        """The numbers `(M, numbers)` and the digits written in the term, in their order."""
        own = iter(torch.split(numbers, 1, 1))
        return [
            next(own) if literal is None else numbers.new_tensor(literal)
            for literal in self._literals
        ]

    def __repr__(self) -> str:
        return f"Form({self.text!r})"


def _require_factor(expression: Expression, name: str, text: str) -> None:
    """Refuse a term of which the coefficient is not a factor, such as `#*x+#*y`."""
    node = expression
    while isinstance(node, Call) and node.primitive.name in ("mul", "div"):
        node = node.arguments[0]
    if node != Variable(name):
        raise ConfigurationError(
            f"the first # of a term must be a factor of all of it, but {text!r} is "
            f"no product; give its parts as terms of their own"
        )


def _with_constants(expression: Expression, names: Sequence[str]) -> Expression:
    """The expression with constants for the variables of these names."""

    def replaced(node: Expression, arguments: tuple[Expression, ...]) -> Expression:
        if isinstance(node, Variable) and node.name in names:
            return Constant(1.0)
        return Call(node.primitive, arguments) if isinstance(node, Call) else node

    return fold(expression, replaced)
