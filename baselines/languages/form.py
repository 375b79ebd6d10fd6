"""A term of an equation with places for numbers."""

from collections.abc import Sequence

from torch import Tensor

from esr.equations import Expression, parse
from esr.errors import ConfigurationError

__all__ = ["Form"]


class Form:
    """A term such as `#*x*sin(#*y)`, in which each # is the place of a number.

    It begins with `#`, the term's coefficient, or with `#*`, or is `#` alone.

    Arguments:
        text: The term.
        variables: Names of the inputs it may use.
    Raises:
        ConfigurationError: If it does not begin with a coefficient or cannot be read.
    """

    def __init__(self, text: str, variables: Sequence[str]) -> None:
        if text != "#" and not text.startswith("#*"):
            raise ConfigurationError(
                f"a term must be # or begin with #*, its coefficient, but is {text!r}"
            )
        self.text, self.variables = text, tuple(variables)
        pieces = text.split("#")
        self.numbers = len(pieces) - 1
        """How many numbers it holds, the coefficient first."""
        self._names = [f"number{place}" for place in range(self.numbers)]
        if clash := sorted(set(self._names) & set(variables)):
            raise ConfigurationError(f"a variable must not be called {clash[0]!r}")
        written = "".join(a + b for a, b in zip(pieces, [*self._names, ""], strict=True))
        try:
            self.expression: Expression = parse(written, variables=[*self._names, *variables])
        except ValueError as error:
            raise ConfigurationError(f"cannot read the term {text!r}: {error}") from error

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
        given = {name: numbers[:, [place]] for place, name in enumerate(self._names)}
        for index, name in enumerate(self.variables):
            given[name] = points[..., index]
        values = self.expression.evaluate(given)
        return values.expand(numbers.shape[0], points.shape[-2])

    def __repr__(self) -> str:
        return f"Form({self.text!r})"
