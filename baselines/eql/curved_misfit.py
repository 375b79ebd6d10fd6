"""Products with the Hessian of the data misfit, from work that was kept or is done again."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.eql.chunks import Kept, chunks, parts
from baselines.eql.curved import CurvedNetwork
from baselines.eql.units import UnitGroup
from esr.models import Batch

__all__ = ["CurvedMisfit", "Work"]

Work = list[Tensor]


class CurvedMisfit:
    """Mean squared error of an equation learner with first and second derivatives.

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
        self._networks: Kept[CurvedNetwork] = Kept()

    def with_gradients(
        self, weights: Sequence[Tensor], batch: Batch
    ) -> tuple[Tensor, list[Tensor], Work]:
        """The misfit of each replica, `(R,)`, its derivatives by the weights, and the work of
        which `product` is the rest."""
        misfit = weights[0].new_empty(weights[0].shape[0])
        gradients = [torch.empty_like(w, memory_format=torch.contiguous_format) for w in weights]
        work = []
        for here in self._chunks(weights, batch):
            network = self._run(here, weights, batch, gradients, misfit)
            work.append(network.workspace.save())
        return misfit, gradients, work

    def product(
        self,
        weights: Sequence[Tensor],
        batch: Batch,
        vectors: Sequence[Tensor],
        work: Work | None,
    ) -> list[Tensor]:
        """Products with the Hessian.

        Arguments:
            weights: The acting weights of each layer, `(R, out, in + 1)`.
            batch: Inputs and targets.
            vectors: One of each weight's shape.
            work: What `with_gradients` returned for these weights, or None to do it again.
        """
        found = [torch.empty_like(w, memory_format=torch.contiguous_format) for w in weights]
        for index, here in enumerate(self._chunks(weights, batch)):
            if work is None:
                misfit = weights[0].new_empty(weights[0].shape[0])
                network = self._run(here, weights, batch, found, misfit)
            else:
                network = self._network(here, weights, batch)
                network.workspace.restore(work[index])
            network.product(parts(vectors, here), parts(found, here))
        return found

    def _run(
        self,
        here: slice,
        weights: Sequence[Tensor],
        batch: Batch,
        gradients: Sequence[Tensor],
        misfit: Tensor,
    ) -> CurvedNetwork:
        """Fill what belongs to some replicas."""
        network = self._network(here, weights, batch)
        inputs, targets = batch
        network.run(
            parts(weights, here),
            inputs if inputs.dim() == 2 else parts([inputs], here)[0],
            targets if targets.dim() == 2 else parts([targets], here)[0],
            parts(gradients, here),
            misfit[here],
        )
        return network

    def _chunks(self, weights: Sequence[Tensor], batch: Batch) -> list[slice]:
        rows = sum(6 * (g.operands + g.count) for groups in self.hidden for g in groups)
        return chunks(weights[0], rows * batch.inputs.shape[-2])

    def _network(self, here: slice, weights: Sequence[Tensor], batch: Batch) -> CurvedNetwork:
        replicas, samples, like = here.stop - here.start, batch.inputs.shape[-2], weights[0]
        return self._networks.get(
            (replicas, samples, like.dtype, like.device),
            lambda: CurvedNetwork(
                self.hidden, self.in_features, self.out_features, replicas, samples, like.detach()
            ),
        )
