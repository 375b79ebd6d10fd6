"""Layers with hand-written derivatives on preallocated tensors, for the fused training step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.eql.unit_passes import unit_pass
from baselines.eql.units import UnitGroup

__all__ = ["FusedAffine", "FusedUnits", "Slopes"]

Slopes = dict[tuple[str, torch.Size], Tensor]


class FusedAffine:
    """One affine map with its derivative by weights and features.

    The scales of the primitives before and after it are folded into the weights, so no pass
    over samples is spent on them.

    Arguments:
        features: What it reads, `(R, in + 1, N)`, or `(in + 1, N)` if the same for all
            replicas; the last row holds ones.
        replicas: Number of replicas R.
        outputs: Number of outputs.
        fold: Factors `(out, in + 1)` on the weights, or None for ones.
        slopes: Tensors by shape, for slopes that live only until the layer before needs its own;
            added to where one is missing.
    """

    def __init__(
        self,
        features: Tensor,
        replicas: int,
        outputs: int,
        fold: Tensor | None,
        slopes: Slopes,
    ) -> None:
        width, samples = features.shape[-2:]
        self.shared, self.fold = features.dim() == 2, fold
        self.features = features
        self.results = features.new_empty(replicas, outputs, samples)
        self.result_slopes = _slopes(slopes, "results", self.results)
        self._weights = features.new_empty(replicas, outputs, width)
        self._matrix = self._weights[..., :-1].mT
        if self.shared:
            self._rows = self._weights.view(-1, width)
            self._result_rows = self.results.view(-1, samples)
            self._slope_columns = self.result_slopes.view(-1, samples).T
            self._product = features.new_empty(width, replicas * outputs)
            self._gradient = self._product.view(width, replicas, outputs).permute(1, 2, 0)
        else:
            self._columns = features[:, :-1].mT
            self._gradient = torch.empty_like(self._weights)
            self._matrix_gradient = features.new_empty(replicas, outputs, width - 1)
            self._bias_gradient = features.new_empty(replicas, outputs, 1)

    def forward(self, weights: Tensor) -> None:
        """Fill `results`, `(R, out, N)`, from weights `(R, out, in + 1)`."""
        if self.fold is None:
            self._weights.copy_(weights)
        else:
            torch.mul(weights, self.fold, out=self._weights)
        if self.shared:
            torch.mm(self._rows, self.features, out=self._result_rows)
        else:
            torch.bmm(self._weights, self.features, out=self.results)

    def backward(self, gradient: Tensor, feature_slopes: Tensor | None) -> None:
        """Fill the derivatives by weights and features from `result_slopes`.

        Arguments:
            gradient: Where those by the weights go, `(R, out, in + 1)`.
            feature_slopes: Where those by the features go, `(R, in, N)`; None for nowhere.
        """
        if self.shared:
            torch.mm(self.features, self._slope_columns, out=self._product)
        else:  # the bias apart: the product is much faster with one column less
            torch.bmm(self.result_slopes, self._columns, out=self._matrix_gradient)
            torch.sum(self.result_slopes, 2, keepdim=True, out=self._bias_gradient)
            torch.cat((self._matrix_gradient, self._bias_gradient), 2, out=self._gradient)
        if self.fold is None:
            gradient.copy_(self._gradient)
        else:
            torch.mul(self._gradient, self.fold, out=gradient)
        if feature_slopes is not None:
            torch.bmm(self._matrix, self.result_slopes, out=feature_slopes)


class FusedUnits:
    """The unit groups of one layer, between two affine maps.

    Arguments:
        groups: The unit groups, in order.
        operands: The results of the map before, `(R, G, N)`.
        operand_slopes: Derivatives of the misfit by them.
        slopes: As for `FusedAffine`.
    """

    def __init__(
        self, groups: Sequence[UnitGroup], operands: Tensor, operand_slopes: Tensor, slopes: Slopes
    ) -> None:
        replicas, _, samples = operands.shape
        count = sum(group.count for group in groups)
        self.values = operands.new_ones(replicas, count + 1, samples)  # the last row stays ones
        self.value_slopes = _slopes(slopes, "values", self.values[:, :-1])
        self.passes, operand, unit = [], 0, 0
        for group in groups:
            places = slice(operand, operand + group.operands)
            units = slice(unit, unit + group.count)
            self.passes.append(
                unit_pass(
                    group,
                    operands[:, places],
                    self.values[:, units],
                    self.value_slopes[:, units],
                    operand_slopes[:, places],
                )
            )
            operand, unit = places.stop, units.stop

    def forward(self) -> None:
        """Fill `values`, `(R, H + 1, N)`, the last row being ones."""
        for units in self.passes:
            units.forward()

    def backward(self) -> None:
        """Fill the operands' slopes from `value_slopes`, `(R, H, N)`."""
        for units in self.passes:
            units.backward()


def _slopes(slopes: Slopes, role: str, like: Tensor) -> Tensor:
    """The tensor for slopes of one role and shape; what fits the cache is what is fast."""
    if (role, like.shape) not in slopes:
        slopes[role, like.shape] = like.new_empty(like.shape)
    return slopes[role, like.shape]
