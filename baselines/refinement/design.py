"""The columns of a skeleton: what its terms are at given points, and their slopes."""

import torch
from torch import Tensor

from baselines.languages import Skeleton
from baselines.population import Points

__all__ = ["Design"]


class Design:
    """A skeleton at N points as a least squares problem: linear in its C coefficients once its I
    inner numbers are known.

    Rows carry the square roots of the points' weights, so that plain sums of squares of what
    comes from here are weighted means.

    Arguments:
        skeleton: The equation without its numbers.
        points: Where it is compared, of the type and on the device to compute with.
    """

    def __init__(self, skeleton: Skeleton, points: Points) -> None:
        self.skeleton, self.points = skeleton, points
        self.root = points.weights.sqrt()
        """Square roots of the points' weights, `(N,)`."""
        starts, place = [], 0
        for form in skeleton.forms:
            starts.append(place)
            place += form.numbers
        self.coefficients = starts
        """Slots of the C coefficients, in the order of the text."""
        self.inner = [slot for slot in range(place) if slot not in starts]
        """Slots of the I inner numbers."""

    def columns(self, inner: Tensor) -> Tensor:
        """Terms with coefficient 1, `(B, N, C)`, for inner numbers `(B, I)`."""
        columns, place = [], 0
        for form in self.skeleton.forms:
            own = inner[:, place : place + form.inner]
            numbers = torch.cat([inner.new_ones(len(inner), 1), own], 1)
            columns.append(form.evaluate(numbers, self.points.points) * self.root)
            place += form.inner
        return torch.stack(columns, 2)

    def values(self, numbers: Tensor) -> Tensor:
        """The equation, `(B, N)`, for all its numbers in the order of the text, `(B, C + I)`."""
        columns = self.columns(numbers[:, self.inner])
        values: Tensor = (columns @ numbers[:, self.coefficients, None])[..., 0]
        return values

    def linearised(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """`values` and their derivatives by the numbers, `(B, N, C + I)`."""
        values, slopes = torch.zeros_like(self.root), []
        for form, start in zip(self.skeleton.forms, self.coefficients, strict=True):
            own = numbers[:, start : start + form.numbers]
            term, by_number = form.linearised(own, self.points.points)
            values = values + term
            slopes.append(by_number)
        return values * self.root, torch.cat(slopes, 2) * self.root[:, None]
