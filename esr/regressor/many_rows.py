"""Sums over more rows than should be worked on at once."""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from esr.equations import Expression, LeastSquares, levenberg_marquardt
from esr.search import Clock, Rows

__all__ = ["CHUNK", "Condensed", "Residuals", "chunks", "mean_squared_error"]

CHUNK = 1 << 14
"""Rows that are worked on at a time; what is computed for them fits into a processor's cache."""
_STEPS, _STEPS_AT_A_TIME = 60, 3
_NEARLY_THERE = 1e-6  # first damping


class Residuals(Protocol):
    """Residuals of some rows as a function of parameters."""

    def residuals(self, parameters: Tensor) -> Tensor:
        """Residuals `(B, N)` for parameters `(B, C)`."""
        ...

    def linearised(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals `(B, N)` and their derivatives `(B, N, C)`."""
        ...


class Condensed:
    r"""Residuals of many rows, turned so that few are left.

    .. math:: [J\; r] = Q R, \quad Q^T Q = 1

    R has as many rows as columns, and the same sums of squares and products as [J r], so that
    least squares cannot tell them apart. It is found part by part.

    Arguments:
        parts: The rows, a few at a time.
    """

    def __init__(self, parts: Sequence[Residuals]) -> None:
        self._parts = parts

    def residuals(self, parameters: Tensor) -> Tensor:
        """One number `(1, 1)` whose square is the sum of squares, for parameters `(1, C)`."""
        squares = parameters.new_zeros(())
        for part in self._parts:
            squares = squares + part.residuals(parameters).square().sum()
        return squares.sqrt().nan_to_num(nan=math.inf).expand(1, 1)

    def linearised(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Residuals `(1, C + 1)` and derivatives `(1, C + 1, C)`, for parameters `(1, C)`."""
        count = parameters.shape[1]
        factor = parameters.new_zeros(0, count + 1)
        for part in self._parts:
            residuals, slopes = part.linearised(parameters)
            columns = torch.cat((slopes[0], residuals[0, :, None]), dim=1)
            factor = torch.linalg.qr(torch.cat((factor, columns)), mode="r").R
        return factor[None, :, count], factor[None, :, :count]

    def fit(self, start: Tensor, clock: Clock) -> LeastSquares:
        """Least squares from a start `(1, C)` near the minimum.

        Arguments:
            start: The parameters.
            clock: A few steps at a time are begun until it has expired.
        Returns:
            The parameters reached; the loss `(1,)` is the sum of squares.
        """
        squares = self.residuals(start)[:, 0].square()
        result = LeastSquares(start, squares, torch.zeros_like(squares, dtype=torch.bool), 0)
        for _ in range(0, _STEPS, _STEPS_AT_A_TIME):
            if clock.expired or bool(result.converged.all()):
                break
            result = levenberg_marquardt(
                self.residuals,
                result.parameters,
                steps=_STEPS_AT_A_TIME,
                damping=_NEARLY_THERE,
                linearise=self.linearised,
            )
        return result


def chunks(rows: Rows) -> list[Rows]:
    """The rows, a few at a time, as views."""
    return [
        Rows(rows.inputs[part], rows.target[part], rows.weights[part], rows.variables)
        for part in (slice(first, first + CHUNK) for first in range(0, len(rows.target), CHUNK))
    ]


@torch.no_grad()
def mean_squared_error(expression: Expression, rows: Rows) -> float:
    """Weighted mean of squared residuals; infinite where one is not a number.

    Arguments:
        expression: In the rows' variables.
        rows: Any number, at least one.
    """
    total = rows.target.new_zeros(())
    for part in chunks(rows):
        residuals = expression.evaluate(part.columns) - part.target
        total = total + (part.weights * residuals.square()).sum()
    return float((total / rows.weights.sum()).nan_to_num(nan=math.inf))
