"""The data misfit as one node of the autograd graph, whose gradient is found with its value."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from baselines.eql.fused import FusedNetwork
from baselines.eql.units import UnitGroup
from esr.closed_gradient import autograd_is_plain, with_closed_gradient
from esr.models import Batch

__all__ = ["FusedMisfit", "can_fuse"]

_KEPT = 4
"""Shapes of batches whose working tensors are kept."""

_WORKING_BYTES = 6 * 2**20
"""What the working tensors of one chunk of replicas should fit into: a processor core's caches."""


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
        self._networks: dict[tuple[object, ...], FusedNetwork] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_networks": {}}

    def __call__(
        self,
        weights: Sequence[Tensor],
        batch: Batch,
        compose: Callable[[Sequence[Tensor], Batch], Tensor],
    ) -> Tensor:
        """The misfit of each replica, `(R,)`, differentiable in the weights.

        Arguments:
            weights: The acting weights of each layer, `(R, out, in + 1)`.
            batch: Inputs and targets, such that `can_fuse` is true.
            compose: The misfit by ordinary operations, for derivatives of derivatives.
        """
        return with_closed_gradient(
            lambda tensors: self.with_gradients(tensors, batch.inputs, batch.targets),
            lambda tensors: compose(tensors, batch),
            weights,
        )

    def with_gradients(
        self, weights: Sequence[Tensor], inputs: Tensor, targets: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """The misfit of each replica, `(R,)`, and its derivatives by the weights."""
        replicas, first = weights[0].shape[0], weights[0]
        misfit = first.new_empty(replicas)
        gradients = [torch.empty_like(w, memory_format=torch.contiguous_format) for w in weights]
        chunk = self._chunk(replicas, inputs.shape[-2], first)
        for start in range(0, replicas, chunk):
            stop = min(start + chunk, replicas)
            network = self._network(stop - start, inputs, first)
            if stop - start == replicas:
                network.run(weights, inputs, targets, gradients, misfit)
                continue
            here = slice(start, stop)
            network.run(
                [w[here] for w in weights],
                inputs if inputs.dim() == 2 else inputs[here],
                targets if targets.dim() == 2 else targets[here],
                [g[here] for g in gradients],
                misfit[here],
            )
        return misfit, gradients

    def _network(self, replicas: int, inputs: Tensor, like: Tensor) -> FusedNetwork:
        samples, shared = inputs.shape[-2], inputs.dim() == 2
        key = (replicas, samples, shared, like.dtype, like.device)
        network = self._networks.get(key)
        if network is None:
            if len(self._networks) == _KEPT:
                del self._networks[next(iter(self._networks))]
            network = FusedNetwork(
                self.hidden,
                self.in_features,
                self.out_features,
                replicas,
                samples,
                shared,
                like.detach(),
            )
            self._networks[key] = network
        return network

    def _chunk(self, replicas: int, samples: int, like: Tensor) -> int:
        """How many replicas to work on at a time, as equal chunks as can be."""
        if like.device.type != "cpu":
            return replicas
        rows = sum(2 * (g.operands + g.count) for groups in self.hidden for g in groups)
        fitting = max(1, _WORKING_BYTES // (max(1, rows) * samples * like.element_size()))
        chunks = -(-replicas // fitting)
        return -(-replicas // chunks)
