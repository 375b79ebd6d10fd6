"""Which one or two columns of a pool explain a target best, beside columns that always may."""

import torch
from torch import Tensor

__all__ = ["Pool"]

_LEFT = 1e-7
"""Share of a column that must be left beside the base for it to count."""
_ALIKE = 1e-9
"""Smallest squared sine of the angle between the columns of a pair."""


class Pool:
    r"""Columns without their part in the span of a base.

    Arguments:
        base: Columns that any combination may use, `(N, B)`, finite.
        columns: The pool, `(N, K)`; those that are not finite, or depend on the base, never win.
    """

    def __init__(self, base: Tensor, columns: Tensor) -> None:
        norms = base.norm(dim=0)
        factor, triangle = torch.linalg.qr(base[:, norms > 0] / norms[norms > 0])
        self._frame = factor[:, triangle.diagonal().abs() > 1e-11]  # (N, B')
        clean = columns.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        finite = torch.isfinite(columns).all(0)
        sizes = clean.norm(dim=0)
        scaled = clean / torch.where(sizes > 0, sizes, torch.ones_like(sizes))
        rest = self._rest(scaled)
        left = rest.norm(dim=0)
        self.usable = finite & (sizes > 0) & (left > _LEFT)  # (K,)
        self._units = torch.where(self.usable, rest / left.clamp(min=_LEFT), 0.0)  # (N, K)

    def _rest(self, columns: Tensor) -> Tensor:
        rest = columns - self._frame @ (self._frame.T @ columns)
        again: Tensor = rest - self._frame @ (self._frame.T @ rest)
        return again

    def singles(self, target: Tensor, most: int) -> list[int]:
        """The columns that leave the least of a target `(N,)`, best first."""
        shares = (self._units.T @ self._rest(target[:, None]))[:, 0].square()
        count = min(most, int(self.usable.sum()))
        return [int(place) for place in shares.topk(count).indices]

    def pairs(self, target: Tensor, most: int, among: int) -> list[tuple[int, int]]:
        r"""The pairs of columns that leave the least of a target, best first.

        .. math:: R^2 = \frac{a^2 + b^2 - 2 a b g}{1 - g^2}

        with a, b the products of the target with the two unit columns and g that of the columns.

        Arguments:
            target: Shape `(N,)`.
            most: Largest number of pairs.
            among: Only this many columns, those best by themselves, are looked at.
        """
        chosen = self.singles(target, among)
        if len(chosen) < 2:
            return []
        units = self._units[:, chosen]
        products = units.T @ self._rest(target[:, None])[:, 0]  # (A,)
        gram = units.T @ units
        rest = 1 - gram.square()
        squares = products.square()
        explained = squares[:, None] + squares - 2 * products[:, None] * products * gram
        shares = torch.where(rest > _ALIKE, explained / rest, 0.0).triu(1)
        best = shares.flatten().topk(min(most, shares.numel())).indices.tolist()
        places = [divmod(int(place), len(chosen)) for place in best]
        return [(chosen[i], chosen[j]) for i, j in places if i < j]

    def grown(self, support: tuple[int, ...], target: Tensor, most: int) -> list[tuple[int, ...]]:
        """A support with one more column: the ones that leave the least, best first.

        Arguments:
            support: Places of columns.
            target: Shape `(N,)`.
            most: Largest number of supports.
        """
        if not support:
            return [(place,) for place in self.singles(target, most)]
        frame = torch.linalg.qr(self._units[:, list(support)]).Q
        rest = self._rest(target[:, None])
        rest = rest - frame @ (frame.T @ rest)
        inside = (frame.T @ self._units).square().sum(0)  # (K,)
        products = (self._units.T @ rest)[:, 0].square()
        free = self.usable & (inside < 1 - _ALIKE)
        shares = torch.where(free, products / (1 - inside).clamp(min=_ALIKE), 0.0)
        best = shares.topk(min(most, len(shares))).indices.tolist()
        return [tuple(sorted((*support, int(place)))) for place in best if place not in support]

    def exact_targets(self, targets: Tensor, limit: float, most: int) -> list[int]:
        """Which of many targets the base and at most one column explain up to rounding.

        Arguments:
            targets: Shape `(N, M)`; those that are not finite are passed over.
            limit: Largest share of a target's square beside its mean that may be left.
            most: Largest number of targets.
        Returns:
            Places of targets, those that the base alone explains first.
        """
        finite = torch.isfinite(targets).all(0)
        clean = torch.where(finite, targets, 0.0)
        whole = (clean - clean.mean(0)).square().sum(0)
        rest = self._rest(clean)
        left = rest.square().sum(0)
        alone = finite & (left <= limit * whole)
        units = rest / left.clamp(min=1e-300).sqrt()
        shares = (self._units.T @ units).square().amax(0) if len(self.usable) else 0 * left
        beside = finite & ~alone & ((1 - shares) * left <= limit * whole)
        places = [*alone.nonzero()[:, 0].tolist(), *beside.nonzero()[:, 0].tolist()]
        return places[:most]
