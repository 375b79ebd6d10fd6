"""Patterns made ready for retrieval."""

import torch
from torch import Tensor

__all__ = ["Bank"]

_HIDDEN = 1e-9
"""Patterns of whose square a basis leaves no larger share are taken to be explained by it."""


class Bank:
    """Patterns that are finite, scaled to mean square 1.

    Arguments:
        patterns: Shape `(K, N)`; those that are not finite are left out.
        precise: Whether ranking beside other patterns is done in double precision too.
    """

    def __init__(self, patterns: Tensor, *, precise: bool) -> None:
        size = patterns.square().mean(1, keepdim=True).sqrt()
        usable = torch.isfinite(size[:, 0]) & (size[:, 0] > 0)
        self.places = usable.nonzero()[:, 0]
        """Whose patterns they are, `(K',)`."""
        self.patterns = patterns[self.places] / size[self.places]
        """The patterns, `(K', N)`, float64."""
        self.rough = self.patterns if precise else self.patterns.float()
        """The same in the precision that ranking is done in."""
        self._squares = self.patterns.square()

    def own(self, weights: Tensor, basis: Tensor) -> Tensor:
        """Squares of what a basis leaves of the weighted patterns, `(K',)`; infinite if nothing.

        Arguments:
            weights: Roots of the rows' weights, `(N,)`.
            basis: Orthonormal, `(B, N)`.
        """
        whole = self._squares @ weights.square()
        left = whole - (self.patterns @ (weights * basis).T).square().sum(1)
        return left.masked_fill(left <= _HIDDEN * whole, torch.inf)
