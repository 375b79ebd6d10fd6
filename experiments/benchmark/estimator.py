"""Contract of an estimator: what the benchmark asks of anything that finds expressions."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from torch import Tensor

from esr.equations import Expression
from esr.errors import ParseError

__all__ = [
    "Estimator",
    "EstimatorFactory",
    "Found",
    "details_of",
    "front_of",
    "read_expression",
]


class Estimator(Protocol):
    """Finds one expression for the rows it is given; it sees no others.

    Further attributes are recorded where an estimator has them: `details`, a mapping of names to
    numbers worth keeping; `front`, a sequence of expressions (as objects or text) of which
    `expression` is its choice; and `times`, the seconds into the fit at which each of the front
    was found.
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


class Found(NamedTuple):
    """An expression of a front, and the seconds into the fit at which it was found; infinite if
    that is not known."""

    expression: Expression
    seconds: float


def read_expression(found: Expression | str | None, variables: Sequence[str]) -> Expression | None:
    """The expression of an estimator as an object.

    Raises:
        ParseError: If text is not an expression in the variables.
    """
    return Expression.parse(found, variables=variables) if isinstance(found, str) else found


def front_of(estimator: Estimator, variables: Sequence[str]) -> list[Found]:
    """The expressions an estimator chose from, the first found first, and those of unknown time
    last; those that cannot be read are left out.

    Raises:
        ValueError: If there are times, but not one for each expression.
    """
    texts = list(getattr(estimator, "front", ()))
    times = [float(time) for time in getattr(estimator, "times", ())]
    if times and len(times) != len(texts):
        raise ValueError(f"a front of {len(texts)} needs as many times, but has {len(times)}")
    front = []
    for text, seconds in zip(texts, times or [math.inf] * len(texts), strict=True):
        try:
            expression = read_expression(text, variables)
        except ParseError:
            continue
        if expression is not None:
            front.append(Found(expression, seconds))
    return sorted(front, key=lambda found: found.seconds)


def details_of(estimator: Estimator) -> dict[str, float | None]:
    """The numbers an estimator reports; None for one that is not finite."""
    details: Mapping[str, float] = getattr(estimator, "details", {})
    numbers = {str(name): float(value) for name, value in details.items()}
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
