"""A linear layer with replicas, a bias column, a structure term and a pruning mask."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from esr.models import ReplicaModule
from esr.structure import StructureTerm

__all__ = ["SparseLinear", "affine"]


class SparseLinear(ReplicaModule):
    """Weights `(R, out, in + 1)`, the last column being the bias, that can be pruned.

    Arguments:
        in_features: Number of inputs.
        out_features: Number of outputs.
        replicas: Number of parallel copies R.
        structure: Price and relaxation of the weights.
        initial_sd: Standard deviation of the initial weights, which are normal; or one for
            each replica, `(R,)`.
        generator: Feeds the initial draw; its device is where the layer is made.
        allowed: One where a weight may exist, else zero, `(R, out, in + 1)`; all may if None.
    """

    mask: Tensor
    allowed: Tensor
    may_lack: ClassVar[frozenset[str]] = frozenset({"ungated", "log_odds"})

    def __init__(
        self,
        in_features: int,
        out_features: int,
        replicas: int,
        structure: StructureTerm,
        initial_sd: float | Tensor,
        *,
        generator: Generator | None = None,
        allowed: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.shape = (replicas, out_features, in_features + 1)
        self.term, self.initial_sd = structure, initial_sd
        weights, gate = self._fresh(generator)
        self.weight = nn.Parameter(weights)
        self.gate = nn.Parameter(gate) if gate is not None else None
        everywhere = torch.ones_like(weights)
        self.register_buffer("allowed", everywhere if allowed is None else allowed.to(weights))
        self.register_buffer("mask", self.allowed.clone())

    def acting_weights(self, *, sample: bool, generator: Generator | None = None) -> Tensor:
        """The weights in force, `(R, out, in + 1)`; with `sample`, gates are drawn."""
        weights = self.weight * self.mask
        return self.term.acting_weights(weights, self.gate, sample=sample, generator=generator)

    def price(self) -> Tensor:
        """The structure energy of the layer, `(R,)`."""
        return self.term.price(self.weight, self.gate, self.mask)

    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        """Set weights whose acting size is at most `threshold` to zero for good, in the
        replicas where `which`, bool `(R,)`, is true, or in all."""
        with torch.no_grad():
            weights, gate, mask = self.term.pruned(self.weight, self.gate, self.mask, threshold)
            chosen = self.mask.new_ones(1, dtype=torch.bool) if which is None else which
            self._replace(chosen, weights, mask, gate)

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Draw all replicas anew, keep those asked for, and undo their pruning."""
        weights, gate = self._fresh(generator)
        with torch.no_grad():
            self._replace(which, weights, self.allowed, gate)

    def repeat_replicas_(self, copies: int) -> None:
        """Have each replica stand `copies` times, side by side, with its price and deviation."""
        super().repeat_replicas_(copies)
        replicas = self.shape[0]
        self.shape = (replicas * copies, *self.shape[1:])
        self.term = self.term.repeated(replicas, copies)
        if isinstance(self.initial_sd, Tensor):
            self.initial_sd = self.initial_sd.repeat_interleave(copies)

    def replica_state(self) -> dict[str, Tensor]:
        """`weight`, what acts without noise, and `mask`; with gates also the weights without
        them, `ungated`, and the gates' `log_odds`."""
        state = {"weight": self.acting_weights(sample=False), "mask": self.mask}
        if self.gate is not None:
            state |= {"ungated": self.weight, "log_odds": self.term.log_odds(self.gate)}
        return state

    @torch.no_grad()
    def load_replica_state(self, state: Mapping[str, Tensor]) -> None:
        """Weights and mask; what is not allowed here stays pruned.

        A layer without gates takes the weights with the state's gates folded in. A layer with
        gates takes weights and gates apart if the state has them, else it leaves its gates.
        """
        self.mask.copy_(state["mask"] * self.allowed)
        if self.gate is not None and state.keys() >= self.may_lack:
            self.weight.copy_(state["ungated"])
            self.gate.copy_(self.term.gate_of(state["log_odds"]))
        else:
            self.weight.copy_(state["weight"])

    def _replace(self, which: Tensor, weights: Tensor, mask: Tensor, gate: Tensor | None) -> None:
        """Take over the tensors of the replicas where `which`, bool `(R,)` or `(1,)`, is true."""
        chosen = which.view(-1, 1, 1)
        self.weight.copy_(torch.where(chosen, weights.to(self.weight), self.weight))
        self.mask.copy_(torch.where(chosen, mask, self.mask))
        if self.gate is not None and gate is not None:
            self.gate.copy_(torch.where(chosen, gate.to(self.gate), self.gate))

    def _fresh(self, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        device = generator.device if generator is not None else None
        weights = torch.randn(self.shape, generator=generator, device=device)
        sd = self.initial_sd
        weights *= sd if isinstance(sd, float) else sd.to(weights)[:, None, None]
        return weights, self.term.initial_gate(self.shape, generator=generator)


def affine(weights: Tensor, features: Tensor) -> Tensor:
    """Apply weights with a bias column.

    Arguments:
        weights: `(R, out, in + 1)`.
        features: `(in, N)`, the same for all replicas, or `(R, in, N)`.
    Returns:
        `(R, out, N)`.
    """
    matrix, bias = weights[..., :-1], weights[..., -1:]
    if features.dim() == 2:
        replicas, outputs, inputs = matrix.shape
        product = matrix.reshape(-1, inputs) @ features  # one product for all replicas
        return product.view(replicas, outputs, -1) + bias
    return torch.baddbmm(bias, matrix, features)
