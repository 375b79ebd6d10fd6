"""The data misfit as one node of the autograd graph, whose gradient is found with its value."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from baselines.eql.chunks import Kept, chunks, parts
from baselines.eql.curved_misfit import CurvedMisfit, Work
from baselines.eql.fused import FusedNetwork
from baselines.eql.units import UnitGroup
from esr.closed_gradient import autograd_is_plain, with_closed_gradient
from esr.models import Batch

__all__ = ["FusedMisfit", "can_fuse"]


def can_fuse(weights: Sequence[Tensor], inputs: Tensor, targets: Tensor) -> bool:
    """Whether the hand-written gradient serves: a plain training step on a supervised batch.

    It does not where no gradient or one by the data is wanted, where shapes or dtypes ask for
    broadcasting or promotion, or where autograd is not plain.
    """
    first, last = weights[0], weights[-1]
    if inputs.dim() not in (2, 3) or not autograd_is_plain(*weights):
        return False
    replicas, samples = first.shape[0], inputs.shape[-2]
    errors = (samples, last.shape[1])
    return (
        not (inputs.requires_grad or targets.requires_grad)
        and inputs.shape
        in ((samples, first.shape[2] - 1), (replicas, samples, first.shape[2] - 1))
        and targets.shape in (errors, (replicas, *errors))
        and inputs.dtype == targets.dtype == first.dtype
        and inputs.device == targets.device == first.device
        and first.dtype in (torch.float32, torch.float64)
    )


class FusedMisfit:
    """Mean squared error of an equation learner, working through the replicas in chunks.

    It holds working tensors only, which neither copies nor pickles carry.

    Arguments:
        hidden: The unit groups of each hidden layer.
        in_features: Number of inputs D.
        out_features: Number of outputs O.
    """

    def __init__(
        self, hidden: Sequence[Sequence[UnitGroup]], in_features: int, out_features: int
    ) -> None:
        self.hidden, self.in_features, self.out_features = hidden, in_features, out_features
        self._networks: Kept[FusedNetwork] = Kept()
        self._curved = CurvedMisfit(hidden, in_features, out_features)
        self._bent: Kept[bool] = Kept()  # shapes for which second derivatives were wanted

    def __call__(
        self,
        weights: Sequence[Tensor],
        batch: Batch,
        compose: Callable[[Sequence[Tensor], Batch], Tensor],
    ) -> Tensor:
        """The misfit of each replica, `(R,)`, differentiable in the weights.

        Where second derivatives are wanted of one batch, the work they need is kept for all
        further batches of its shape. The first one's gradient is then taken again, as theirs
        will be: two ways of finding it round differently, and a run that was interrupted and
        goes on must not differ from one that was not.

        Arguments:
            weights: The acting weights of each layer, `(R, out, in + 1)`.
            batch: Inputs and targets, such that `can_fuse` is true.
            compose: The misfit by ordinary operations, for what has no closed form.
        """
        shape = (weights[0].shape[0], batch.inputs.shape)
        work: Work | None = None
        again: Sequence[Tensor] | None = None

        def closed(tensors: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
            nonlocal work
            if shape not in self._bent:
                return self.with_gradients(tensors, *batch)
            misfit, gradients, work = self._curved.with_gradients(tensors, batch)
            return misfit, gradients

        def retake(tensors: Sequence[Tensor], gradients: Sequence[Tensor]) -> Sequence[Tensor]:
            nonlocal work, again
            if work is None:
                self._bent.get(shape, lambda: True)
                _, again, work = self._curved.with_gradients(tensors, batch)
            return gradients if again is None else again

        def product(tensors: Sequence[Tensor], vectors: Sequence[Tensor]) -> Sequence[Tensor]:
            return self._curved.product(tensors, batch, vectors, work)

        return with_closed_gradient(
            closed, lambda tensors: compose(tensors, batch), weights, product, retake
        )

    def with_gradients(
        self, weights: Sequence[Tensor], inputs: Tensor, targets: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """The misfit of each replica, `(R,)`, and its derivatives by the weights."""
        replicas, first = weights[0].shape[0], weights[0]
        misfit = first.new_empty(replicas)
        gradients = [torch.empty_like(w, memory_format=torch.contiguous_format) for w in weights]
        rows = sum(2 * (g.operands + g.count) for groups in self.hidden for g in groups)
        for here in chunks(first, rows * inputs.shape[-2]):
            network = self._network(here.stop - here.start, inputs, first)
            network.run(
                parts(weights, here),
                inputs if inputs.dim() == 2 else parts([inputs], here)[0],
                targets if targets.dim() == 2 else parts([targets], here)[0],
                parts(gradients, here),
                misfit[here],
            )
        return misfit, gradients

    def _network(self, replicas: int, inputs: Tensor, like: Tensor) -> FusedNetwork:
        samples, shared = inputs.shape[-2], inputs.dim() == 2
        return self._networks.get(
            (replicas, samples, shared, like.dtype, like.device),
            lambda: FusedNetwork(
                self.hidden,
                self.in_features,
                self.out_features,
                replicas,
                samples,
                shared,
                like.detach(),
            ),
        )
