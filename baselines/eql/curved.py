"""The data misfit of an equation learner, its gradient and products with its Hessian by hand."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.eql.curved_units import BinaryUnits, Ends, UnaryUnits, curved_units
from baselines.eql.fused import folded_scales
from baselines.eql.units import UnitGroup
from baselines.eql.workspace import Workspace

__all__ = ["CurvedNetwork"]

_LEAST_WIDTH = 3
"""Inputs and bias are filled up to so many rows, with zeros: products with fewer are slower."""


class CurvedNetwork:
    r"""Mean squared error of R networks, its gradient g and, along v, :math:`Hv = dg[v]`.

    The product is the tangent of the whole pass, forward and backward, so it costs about as
    much as a gradient does.

    Arguments:
        hidden: The unit groups of each hidden layer.
        in_features: Number of inputs D.
        out_features: Number of outputs O.
        replicas: Number of replicas R.
        samples: Number of samples N.
        like: A tensor of the dtype and device to work in.
    Source: Pearlmutter (1994), Fast exact multiplication by the Hessian,
        https://doi.org/10.1162/neco.1994.6.1.147.
    """

    def __init__(
        self,
        hidden: Sequence[Sequence[UnitGroup]],
        in_features: int,
        out_features: int,
        replicas: int,
        samples: int,
        like: Tensor,
    ) -> None:
        counts = [sum(group.operands for group in groups) for groups in hidden] + [out_features]
        widths = [in_features] + [sum(group.count for group in groups) for groups in hidden]
        rows = sum(6 * count for count in counts) + sum(4 * (width + 2) for width in widths)
        weights = sum(n * (width + 2) for n, width in zip(counts, widths, strict=True))
        pieces = sum(6 * len(groups) + 8 for groups in hidden) + 8
        self.workspace = Workspace(like, replicas * (samples * rows + weights), pieces)
        factors = [
            like.new_ones(count, width + 1) if fold is None else fold
            for fold, count, width in zip(
                folded_scales(hidden, in_features, out_features, like), counts, widths, strict=True
            )
        ]
        lead = max(in_features + 1, _LEAST_WIDTH)
        features = self.workspace.take(replicas, lead, samples)
        features[:, in_features] = 1
        self.inputs = features[:, :in_features]
        self.maps: list[_Affine] = []
        self.units: list[list[UnaryUnits | BinaryUnits]] = []
        before: Ends | None = None
        tangents: Tensor | None = None
        for depth, groups in enumerate(hidden):
            affine = _Affine(features, tangents, before, factors[depth], self.workspace)
            width = widths[depth + 1]
            features = self.workspace.take(replicas, width + 1, samples)
            features[:, -1] = 1
            slopes = self.workspace.take(replicas, width, samples)
            tangents = torch.zeros_like(features)  # the bias row never changes
            before = Ends(features[:, :-1], slopes, tangents[:, :-1], torch.empty_like(slopes))
            self.maps.append(affine)
            self.units.append(curved_units(groups, affine.ends, before, self.workspace))
        self.maps.append(_Affine(features, tangents, before, factors[-1], self.workspace))
        self.share = like.new_tensor(1 / (samples * out_features))
        self.twice_share = self.share * 2

    def run(
        self,
        weights: Sequence[Tensor],
        inputs: Tensor,
        targets: Tensor,
        gradients: Sequence[Tensor],
        misfit: Tensor,
    ) -> None:
        """Fill the misfit and its gradients, and be ready for `product`.

        Arguments:
            weights: The acting weights of each layer, `(R, out, in + 1)`.
            inputs: `(N, D)` or `(R, N, D)`.
            targets: `(N, O)` or `(R, N, O)`.
            gradients: Where the derivatives by the weights go, of their shapes.
            misfit: Where the misfit goes, `(R,)`.
        """
        self.inputs.copy_(inputs.mT)
        self.maps[0].forward(weights[0])
        for layer, affine, matrix in zip(self.units, self.maps[1:], weights[1:], strict=True):
            for units in layer:
                units.forward()
            affine.forward(matrix)
        last = self.maps[-1].ends
        residuals = last.values.sub_(targets.mT)  # (R, O, N)
        torch.mul(residuals, self.twice_share, out=last.slopes)
        torch.sum(residuals * residuals, (1, 2), out=misfit).mul_(self.share)
        for depth in reversed(range(len(self.maps))):
            self.maps[depth].backward(gradients[depth])
            for units in self.units[depth - 1] if depth > 0 else ():
                units.backward()

    def product(self, vectors: Sequence[Tensor], products: Sequence[Tensor]) -> None:
        """Fill the products with the Hessian at the weights of the last `run`, or of the one
        whose work was restored.

        Arguments:
            vectors: One of each weight's shape.
            products: Where the products go, of the same shapes.
        """
        self.maps[0].forward_tangents(vectors[0])
        for layer, affine, vector in zip(self.units, self.maps[1:], vectors[1:], strict=True):
            for units in layer:
                units.forward_tangents()
            affine.forward_tangents(vector)
        last = self.maps[-1].ends
        torch.mul(last.tangents, self.twice_share, out=last.slope_tangents)
        for depth in reversed(range(len(self.maps))):
            self.maps[depth].backward_tangents(products[depth])
            for units in self.units[depth - 1] if depth > 0 else ():
                units.backward_tangents()


class _Affine:
    """One affine map, with the scales of the primitives around it folded into its weights.

    Arguments:
        features: What it reads, `(R, in + 1, N)`, the last row being ones; rows of zeros may
            follow.
        feature_tangents: Their changes, the last row being zeros; None for inputs.
        before: The units whose values the features are; None for inputs.
        fold: Factors `(out, in + 1)` on the weights.
        workspace: Where what a product needs is kept.
    """

    def __init__(
        self,
        features: Tensor,
        feature_tangents: Tensor | None,
        before: Ends | None,
        fold: Tensor,
        workspace: Workspace,
    ) -> None:
        replicas, width, samples = features.shape
        outputs = fold.shape[0]
        self.features, self.columns = features, features.mT
        self.before, self.feature_tangents = before, feature_tangents
        self.column_tangents = None if feature_tangents is None else feature_tangents.mT
        self.fold = fold
        self.weights = workspace.take(replicas, outputs, width)
        self.vector, self.sums = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.own_weights, self.own_vector, self.own_sums = (
            tensor[..., : self.fold.shape[1]] for tensor in (self.weights, self.vector, self.sums)
        )
        self.matrix, self.vector_matrix = (w[..., :-1].mT for w in (self.weights, self.vector))
        values = workspace.take(replicas, outputs, samples)
        slopes = workspace.take(replicas, outputs, samples)
        self.ends = Ends(values, slopes, torch.empty_like(values), torch.empty_like(values))

    def forward(self, weights: Tensor) -> None:
        """Fill the values."""
        torch.mul(weights, self.fold, out=self.own_weights)
        torch.bmm(self.weights, self.features, out=self.ends.values)

    def backward(self, gradient: Tensor) -> None:
        """Fill the derivatives by the weights and by the features."""
        torch.bmm(self.ends.slopes, self.columns, out=self.sums)
        torch.mul(self.own_sums, self.fold, out=gradient)
        if self.before is not None:
            _multiply(self.matrix, self.ends.slopes, self.before.slopes)

    def forward_tangents(self, vector: Tensor) -> None:
        """Fill the tangents of the values, for a change of the weights and of the features."""
        torch.mul(vector, self.fold, out=self.own_vector)
        torch.bmm(self.vector, self.features, out=self.ends.tangents)
        if self.feature_tangents is not None:
            self.ends.tangents.baddbmm_(self.weights, self.feature_tangents)

    def backward_tangents(self, product: Tensor) -> None:
        """Fill the tangents of what `backward` fills."""
        torch.bmm(self.ends.slope_tangents, self.columns, out=self.sums)
        if self.column_tangents is not None:
            self.sums.baddbmm_(self.ends.slopes, self.column_tangents)
        torch.mul(self.own_sums, self.fold, out=product)
        if self.before is not None:
            changes = self.before.slope_tangents
            _multiply(self.matrix, self.ends.slope_tangents, changes)
            _add_multiplied(changes, self.vector_matrix, self.ends.slopes)


def _multiply(first: Tensor, second: Tensor, product: Tensor) -> None:
    """Fill the matrix products `(R, A, C)` of `(R, A, B)` and `(R, B, C)`."""
    if first.shape[2] == 1:  # torch is slow at products of very few numbers
        torch.mul(first, second, out=product)
    else:
        torch.bmm(first, second, out=product)


def _add_multiplied(total: Tensor, first: Tensor, second: Tensor) -> None:
    """Add the matrix products to a total."""
    if first.shape[2] == 1:
        total.addcmul_(first, second)
    else:
        total.baddbmm_(first, second)
