"""The data misfit of an equation learner and its gradient, with hand-written derivatives."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.eql.fused_layers import FusedAffine, FusedUnits, Slopes
from baselines.eql.units import UnitGroup

__all__ = ["FusedNetwork", "folded_scales"]


class FusedNetwork:
    r"""Mean squared error of R networks and its gradient, on tensors allocated once.

    .. math:: C_r = \frac{1}{NO} \sum_{no} (y_{rno} - t_{no})^2

    Arguments:
        hidden: The unit groups of each hidden layer.
        in_features: Number of inputs D.
        out_features: Number of outputs O.
        replicas: Number of replicas R.
        samples: Number of samples N.
        shared: Whether all replicas see the same inputs.
        like: A tensor of the dtype and device to work in.
    """

    def __init__(
        self,
        hidden: Sequence[Sequence[UnitGroup]],
        in_features: int,
        out_features: int,
        replicas: int,
        samples: int,
        shared: bool,
        like: Tensor,
    ) -> None:
        leading = () if shared else (replicas,)
        features = like.new_ones(*leading, in_features + 1, samples)
        self.inputs = features[..., :-1, :]
        self.maps: list[FusedAffine] = []
        self.units: list[FusedUnits] = []
        folds = folded_scales(hidden, in_features, out_features, like)
        slopes: Slopes = {}
        for groups, fold in zip(hidden, folds, strict=False):
            rows = sum(group.operands for group in groups)
            affine = FusedAffine(features, replicas, rows, fold, slopes)
            units = FusedUnits(groups, affine.results, affine.result_slopes, slopes)
            self.maps.append(affine)
            self.units.append(units)
            features = units.values
        self.maps.append(FusedAffine(features, replicas, out_features, folds[-1], slopes))
        self.share = like.new_tensor(1 / (samples * out_features))  # tensors: no cast each step
        self.twice_share = self.share * 2

    def run(
        self,
        weights: Sequence[Tensor],
        inputs: Tensor,
        targets: Tensor,
        gradients: Sequence[Tensor],
        misfit: Tensor,
    ) -> None:
        """Fill the misfit and its gradients; gradients must not be recorded.

        Arguments:
            weights: The acting weights of each layer, `(R, out, in + 1)`.
            inputs: `(N, D)` if shared, else `(R, N, D)`.
            targets: `(N, O)` or `(R, N, O)`.
            gradients: Where the derivatives by the weights go, of their shapes.
            misfit: Where the misfit goes, `(R,)`.
        """
        self.inputs.copy_(inputs.mT)
        self.maps[0].forward(weights[0])
        for units, affine, matrix in zip(self.units, self.maps[1:], weights[1:], strict=True):
            units.forward()
            affine.forward(matrix)
        last = self.maps[-1]
        residuals = last.results.sub_(targets.mT)  # (R, O, N)
        torch.mul(residuals, self.twice_share, out=last.result_slopes)
        torch.sum(residuals.mul_(residuals), (1, 2), out=misfit).mul_(self.share)
        for index in reversed(range(len(self.units))):
            units = self.units[index]
            self.maps[index + 1].backward(gradients[index + 1], units.value_slopes)
            units.backward()
        self.maps[0].backward(gradients[0], None)


def folded_scales(
    hidden: Sequence[Sequence[UnitGroup]], in_features: int, out_features: int, like: Tensor
) -> list[Tensor | None]:
    """Factors on the weights that stand for the scales of the primitives on either side.

    Arguments:
        hidden: The unit groups of each hidden layer.
        in_features: Number of inputs D.
        out_features: Number of outputs O.
        like: A tensor of the dtype and device to work in.
    Returns:
        For each affine map `(out, in + 1)`, or None for ones.
    """
    columns = like.new_ones(in_features + 1)
    found: list[Tensor | None] = []
    for groups in hidden:
        found.append(_fold(_per_unit(groups, like, operands=True), columns))
        columns = torch.cat([_per_unit(groups, like, operands=False), like.new_ones(1)])
    return [*found, _fold(like.new_ones(out_features), columns)]


def _per_unit(groups: Sequence[UnitGroup], like: Tensor, *, operands: bool) -> Tensor:
    """The input scale of each operand of a layer, or the output scale of each unit."""
    scales: list[float] = []
    for group in groups:
        if operands:
            scales += [group.primitive.input_scale] * group.operands
        else:
            scales += [group.primitive.output_scale] * group.count
    return like.new_tensor(scales)


def _fold(rows: Tensor, columns: Tensor) -> Tensor | None:
    factors = rows[:, None] * columns
    return None if bool((factors == 1).all()) else factors
