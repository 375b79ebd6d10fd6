"""A target seen beside a basis: what the basis explains is projected out of it and of patterns."""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from esr.equations import Constant, Expression
from esr.search.recall.transform import Transform

__all__ = ["LinearView", "View", "Written"]

_STEEPEST = 20.0
"""How many times the median weight of a row a flat transform may give another row."""
_HIDDEN = 1e-6
"""Patterns of which the basis leaves no larger share are taken to be explained by it."""
_EXPLAINED = 1e-10
"""A target of which the basis leaves no larger share is explained by it."""
_FLOOR = 1e-22
"""Share of the target's square below which errors are rounding."""
_TERM = 9.0
"""Nats that a term must save to be worth writing down."""

Written = tuple[Expression, float]
"""An equation of the target, and its weighted sum of squared errors to first order."""


class View(Protocol):
    """One way to look at the target.

    Arguments:
        target: What the basis does not explain of the transformed target, of length 1, `(N,)`.
        size: Its length before, in units of the target.
        weights: Roots of the rows' weights that turn errors of the transformed target into those
            of the target, to first order, `(N,)`.
        directions: The basis made orthonormal, `(B, N)`.
        is_explained: Whether the basis explains the target but for rounding.
        adds_behaviours: Whether patterns are the behaviours themselves.
    """

    target: Tensor
    size: float
    weights: Tensor
    directions: Tensor
    is_explained: bool
    adds_behaviours: bool

    def patterns(self, values: Tensor) -> Tensor:
        """What the view combines linearly: some function of behaviours `(K, N)`; NaN if none."""
        ...

    def tangents(self, values: Tensor, changes: Tensor) -> Tensor:
        """Changes `(C, N)` of the pattern of a behaviour `(N,)` for changes of it `(C, N)`."""
        ...

    def write(self, terms: Sequence[Expression], values: Tensor) -> Written | None:
        """The best equation with the basis and further terms, or None if there is none.

        Arguments:
            terms: Expressions of patterns.
            values: Their behaviours, `(P, N)`.
        """
        ...


class Projection:
    """A weighted target with a basis projected out of it.

    Arguments:
        transform: The transformed target.
        weights: Weights of the rows, `(N,)`.
        columns: The basis, `(B, N)`.
    """

    def __init__(self, transform: Transform, weights: Tensor, columns: Tensor) -> None:
        roots = (1 / transform.slopes).nan_to_num(nan=math.inf)
        steepest = _STEEPEST * float(roots.median())
        self.weights = roots.clamp(max=steepest) * weights.sqrt()
        self.columns = columns * self.weights
        self.whole = transform.values * self.weights
        lengths = self.columns.norm(dim=1, keepdim=True)
        q, r = torch.linalg.qr((self.columns / lengths).T)
        self.directions = q[:, r.diagonal().abs() > _EXPLAINED].T  # (B', N)
        left = project(self.whole[None], self.directions)[0]
        self.size = float(left.norm())
        self.is_explained = self.size <= _EXPLAINED * float(self.whole.norm())
        self.target = left / self.size if self.size > 0 else left


class LinearView(Projection):
    """A transformed target as a linear combination of a basis and behaviours.

    Arguments:
        transform: The transformed target.
        weights: Weights of the rows, `(N,)`.
        basis: Terms that are always allowed; `None` stands for a constant.
        columns: Their values, `(B, N)`.
    """

    def __init__(
        self,
        transform: Transform,
        weights: Tensor,
        basis: Sequence[Expression | None],
        columns: Tensor,
    ) -> None:
        super().__init__(transform, weights, columns)
        self._undo, self._basis = transform.undo, list(basis)
        self.adds_behaviours = True

    def patterns(self, values: Tensor) -> Tensor:
        """The behaviours themselves."""
        return values

    def tangents(self, values: Tensor, changes: Tensor) -> Tensor:
        """The changes themselves."""
        return changes

    def write(self, terms: Sequence[Expression], values: Tensor) -> Written | None:
        """As `View.write`; terms that save too little are left out, one by one."""
        columns = torch.cat([self.columns, values * self.weights])
        every = [*self._basis, *terms]
        lengths = columns.norm(dim=1)
        usable = torch.isfinite(lengths) & (lengths > 0)
        scaled = (columns / lengths[:, None]).T  # (N, B + P)
        alive = _independent(scaled, usable)
        while True:
            solution, rises, error = _least_squares(scaled[:, alive], self.whole)
            if len(alive) < 2:
                break
            weakest = int(rises.argmin())
            floor = _FLOOR * float(self.whole.square().sum())
            growth = (error + float(rises[weakest]) + floor) / (error + floor)
            if len(self.whole) / 2 * math.log(growth) > _TERM:
                break
            del alive[weakest]
        coefficients = (solution / lengths[alive]).tolist()
        if not all(map(math.isfinite, coefficients)):
            return None
        parts = [
            Constant(c) if every[n] is None else c * every[n]
            for n, c in zip(alive, coefficients, strict=True)
        ]
        equation: Expression = parts[0]
        for part in parts[1:]:
            equation = equation + part
        return self._undo(equation), error


def project(columns: Tensor, directions: Tensor) -> Tensor:
    """What orthonormal directions `(B, N)` leave of columns `(K, N)`."""
    left = columns - (columns @ directions.T) @ directions
    return left


def units_of(view: View, values: Tensor) -> tuple[Tensor, Tensor]:
    """Patterns beside a view's basis, of length 1, `(K', N)`, and whose they are, `(K',)`.

    Arguments:
        view: The view.
        values: Behaviours, `(K, N)`; those that have no pattern or a hidden one are left out.
    """
    weighted = view.patterns(values) * view.weights
    left = project(weighted, view.directions)
    lengths = left.norm(dim=1)
    kept = (lengths > _HIDDEN * weighted.norm(dim=1)).nonzero()[:, 0]
    return left[kept] / lengths[kept, None], kept


def unexplained(view: View, columns: Tensor) -> Tensor:
    """Share of a view's target that weighted columns and the basis leave, `(H,)`, at most 1.

    Arguments:
        view: The view.
        columns: P weighted patterns for each of H matches, `(H, P, N)`.
    """
    left = view.target.expand(len(columns), -1)
    done: list[Tensor] = []
    for column in project(columns.flatten(0, 1), view.directions).view_as(columns).unbind(1):
        before = column.norm(dim=1, keepdim=True)
        for direction in done + done:  # twice is enough for orthogonality to rounding
            column = column - (column * direction).sum(1, keepdim=True) * direction
        length = column.norm(dim=1, keepdim=True)
        direction = (column / length).where(length > _HIDDEN * before, 0.0)
        left = left - (left * direction).sum(1, keepdim=True) * direction
        done.append(direction)
    shares = left.square().sum(1)
    return shares.nan_to_num(nan=1.0).clamp(max=1)


def _independent(columns: Tensor, usable: Tensor) -> list[int]:
    """Which usable columns `(N, B)` of length 1 do not depend on earlier ones."""
    places = usable.nonzero()[:, 0]
    own = torch.linalg.qr(columns[:, places], mode="r").R.diagonal().abs()
    return places[: len(own)][own > _EXPLAINED].tolist()


def _least_squares(columns: Tensor, target: Tensor) -> tuple[Tensor, Tensor, float]:
    """Coefficients `(B,)` of columns `(N, B)`, what leaving each out costs, and the error."""
    q, r = torch.linalg.qr(columns)
    inverse = torch.linalg.solve_triangular(r, torch.eye(len(r), dtype=r.dtype), upper=True)
    solution = inverse @ (q.T @ target)
    error = float((target - columns @ solution).square().sum())
    return solution, solution.square() / inverse.square().sum(1), error
