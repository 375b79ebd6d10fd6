"""Combinations of inner numbers, and which of them suit what networks say."""

from typing import NamedTuple

import torch
from torch import Tensor

from baselines.languages import Number
from baselines.refinement.design import Design
from baselines.refinement.rounding import rounded_coefficients, triangular

__all__ = ["Combinations", "InnerLattice", "combinations_at"]


class Combinations(NamedTuple):
    """G combinations of inner numbers for each of M networks, as linear problems.

    Arguments:
        steps: Inner numbers in steps, int64 `(M, G, I)`.
        triangles: Of the columns with these inner numbers, `(M, G, C, C)`.
        projected: Targets in the columns' orthonormal basis, `(M, G, C)`.
        outside: Sum of squares of the rest of the targets, `(M, G)`.
    """

    steps: Tensor
    triangles: Tensor
    projected: Tensor
    outside: Tensor


class InnerLattice:
    """Many combinations of a skeleton's inner numbers, the same for all networks, so that each
    costs one product of matrices (variable projection).

    Arguments:
        number: What may stand inside terms.
        design: The skeleton at points.
        most: Most combinations; if there are more, some of each number, evenly spread, the ends
            among them.
    Source: G. Golub, V. Pereyra (1973), SIAM Journal on Numerical Analysis 10,
        https://doi.org/10.1137/0710036.
    """

    def __init__(self, number: Number, design: Design, most: int) -> None:
        every = number.steps.to(design.root.device)
        inner, each = len(design.inner), len(every)
        while each > 1 and each**inner > most:
            each -= 1
        self.whole = each == len(every) or inner == 0
        """Whether these are all combinations there are."""
        picked = torch.linspace(0, len(every) - 1, each, dtype=torch.float64).round().long()
        values = every[picked.to(every.device)]
        combined = torch.cartesian_prod(*[values] * inner) if inner else values.new_zeros(1, 0)
        self.steps = combined[:, None] if combined.ndim == 1 else combined
        """Int64 `(G, I)`."""
        columns = design.columns(self.steps.to(design.root) / number.scale)
        self._basis, self._triangles = triangular(columns)

    def near(
        self, targets: Tensor, coefficient: Number, kept: int
    ) -> tuple[Combinations, Combinations]:
        """The combinations that leave least of the targets, best first; `kept` of them or all.

        Arguments:
            targets: `(M, N)`.
            coefficient: What may stand before a term.
            kept: How many, at least 1.
        Returns:
            Those that leave least with real coefficients, then those that do with coefficients
            rounded one after the other.
        """
        count, points, terms = self._basis.shape
        flat = self._basis.transpose(0, 1).reshape(points, count * terms)
        projected = (targets @ flat).view(-1, count, terms)
        outside = targets.square().sum(1, keepdim=True) - projected.square().sum(2)  # (M, G)
        lost = rounded_coefficients(coefficient, self._triangles, projected, 1, (0,))[1][..., 0]
        few = min(kept, count)

        def picked(by: Tensor) -> Combinations:
            which = by.topk(few, largest=False, sorted=True).indices
            own = projected.gather(1, which[..., None].expand(*which.shape, terms))
            left = outside.gather(1, which)
            return Combinations(self.steps[which], self._triangles[which], own, left)

        return picked(outside), picked(outside + lost)


def combinations_at(
    number: Number, design: Design, steps: Tensor, targets: Tensor
) -> Combinations:
    """Given combinations, own ones for each network.

    Arguments:
        number: What may stand inside terms.
        design: The skeleton at points.
        steps: Int64 `(M, G, I)`.
        targets: `(M, N)`.
    """
    networks, count, inner = steps.shape
    flat = steps.reshape(networks * count, inner).to(targets) / number.scale
    basis, triangles = triangular(design.columns(flat))
    basis = basis.view(networks, count, *basis.shape[1:])
    projected = torch.einsum("mn,mgnc->mgc", targets, basis)
    outside = targets.square().sum(1, keepdim=True) - projected.square().sum(2)
    return Combinations(
        steps, triangles.view(networks, count, *triangles.shape[1:]), projected, outside
    )
