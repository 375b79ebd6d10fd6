"""Comparing two expressions by their values at fixed points."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations.expression import Call, Constant, Expression, Variable
from esr.equations.traversal import fold

__all__ = ["Agreement", "compare", "sample_points"]

_RANGES = ((-3.0, 3.0), (0.0, 2.0), (1.0, 12.0), (-0.95, 0.95), (-20.0, 20.0))
_PER_RANGE = 64
_GRID = 1024  # points are multiples of 1/1024, so that they are short fractions as well


@dataclass(frozen=True)
class Agreement:
    """What a comparison at points found.

    Arguments:
        common: Where both values are finite, `(N,)`, boolean.
        apart: Where both are finite and differ by more than the tolerance, `(N,)`, boolean.
        lost: Where the first is finite and the second is not, `(N,)`, boolean.
        points: The value of each variable at the points, `(N,)`, float64.
    """

    common: Tensor
    apart: Tensor
    lost: Tensor
    points: dict[str, Tensor]


def compare(first: Expression, second: Expression, tolerance: float) -> Agreement:
    """Compare values in float64 at points of several ranges.

    The difference is judged against the largest intermediate result of either expression at
    that point, so that cancellation is not mistaken for a difference.

    Arguments:
        first: An expression.
        second: Another one.
        tolerance: Largest difference relative to the largest intermediate result.
    """
    points = sample_points(sorted({*first.variables, *second.variables}))
    (first_value, first_size), (second_value, second_size) = (
        _value_and_size(expression, points) for expression in (first, second)
    )
    finite = torch.isfinite(first_value)
    common = finite & torch.isfinite(second_value)
    size = torch.maximum(first_size, second_size)
    apart = common & ((first_value - second_value).abs() > tolerance * size)
    return Agreement(common, apart, finite & ~common, points)


def sample_points(variables: Sequence[str]) -> dict[str, Tensor]:
    r"""Points that fill each of several ranges evenly; the same ones at every call.

    Point n of a range has the coordinates :math:`\{\tfrac12 + n g^{-(j+1)}\}`, j = 0, ..., D-1,
    scaled to the range, with g the positive root of :math:`g^{D+1} = g + 1`.

    Arguments:
        variables: Names of the coordinates.
    Returns:
        Values `(N,)` in float64 for each variable.
    Source: M. Roberts (2018), The unreasonable effectiveness of quasirandom sequences,
        https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences.
        Deviation: rounded to a grid of 1/1024.
    """
    root = 2.0
    for _ in range(60):  # contraction towards the root
        root = (1 + root) ** (1 / (len(variables) + 1))
    number = torch.arange(1, _PER_RANGE * len(_RANGES) + 1, dtype=torch.float64)
    low, high = torch.tensor(_RANGES, dtype=torch.float64).T.repeat(1, _PER_RANGE)
    points = {}
    for index, name in enumerate(variables):
        unit = torch.frac(0.5 + number * root ** -(index + 1))
        points[name] = torch.round((low + unit * (high - low)) * _GRID) / _GRID
    return points or {"_": torch.zeros(1, dtype=torch.float64)}


def _value_and_size(expression: Expression, points: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Values, and the largest finite size of an intermediate result, both `(N,)`."""
    zero = torch.zeros_like(next(iter(points.values())))

    def visit(node: Expression, parts: tuple[tuple[Tensor, Tensor], ...]) -> tuple[Tensor, Tensor]:
        if isinstance(node, Constant):
            value = torch.full_like(zero, node.value)
        elif isinstance(node, Variable):
            value = points[node.name]
        elif isinstance(node, Call):
            value = node.primitive.torch_function(*(part[0] for part in parts))
        else:
            raise TypeError(f"{type(node).__name__} is not a constant, a variable or a call")
        size = torch.where(torch.isfinite(value), value.abs(), zero)
        for _, other in parts:
            size = torch.maximum(size, other)
        return value, size

    return fold(expression, visit)
