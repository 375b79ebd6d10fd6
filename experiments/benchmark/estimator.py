"""Contract of an estimator: what the benchmark asks of anything that finds expressions."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

from esr.equations import Expression
from esr.errors import ParseError

__all__ = ["Estimator", "EstimatorFactory", "details_of", "front_of", "read_expression"]


class Estimator(Protocol):
    """Finds one expression for the rows it is given; it sees no others.

    Two further attributes are recorded where an estimator has them: `details`, a mapping of
    names to numbers worth keeping, and `front`, a sequence of expressions (as objects or text)
    of which `expression` is its choice.
    """

    def fit(self, inputs: Tensor, targets: Tensor, variables: Sequence[str]) -> object:
        """Search, within the time the estimator was made with.

        Arguments:
            inputs: Shape `(N, D)`, float64.
            targets: Shape `(N,)`, float64, possibly with noise.
            variables: Names of the D columns.
        """
        ...

    def predict(self, inputs: Tensor) -> Tensor:
        """Predictions `(N,)` for inputs `(N, D)`."""
        ...

    @property
    def expression(self) -> Expression | str | None:
        """The expression found, as an object or as text of our grammar; None if there is none."""
        ...


class EstimatorFactory(Protocol):
    """Makes an estimator; what `configs/estimator/NAME.yaml` describes with `_partial_: true`."""

    def __call__(self, *, seed: int, seconds: float) -> Estimator:
        """An estimator whose draws the seed determines, for a budget of wall-clock seconds."""
        ...


def read_expression(found: Expression | str | None, variables: Sequence[str]) -> Expression | None:
    """The expression of an estimator as an object.

    Raises:
        ParseError: If text is not an expression in the variables.
    """
    return Expression.parse(found, variables=variables) if isinstance(found, str) else found


def front_of(estimator: Estimator, variables: Sequence[str]) -> list[Expression]:
    """The expressions an estimator chose from, those that cannot be read left out."""
    front = []
    for found in getattr(estimator, "front", ()):
        try:
            expression = read_expression(found, variables)
        except ParseError:
            continue
        if expression is not None:
            front.append(expression)
    return front


def details_of(estimator: Estimator) -> dict[str, float | None]:
    """The numbers an estimator reports; None for one that is not finite."""
    details: Mapping[str, float] = getattr(estimator, "details", {})
    numbers = {str(name): float(value) for name, value in details.items()}
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
