"""The modern Hopfield layer: queries retrieve from stored patterns given with them."""

import math
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor, nn

from esr.associative.association import Association, check_request, visible_pairs
from esr.associative.gradients import RetrievalGradient, Unrolled
from esr.associative.heads import HeadSettings, Projections
from esr.associative.patterns import StoredPatterns, check_beta, check_top_k

__all__ = ["HopfieldLayer", "Retrieval"]


@dataclass(frozen=True)
class Retrieval:
    r"""How a layer retrieves.

    Arguments:
        beta: Initial inverse temperature of each head, positive; None means
            :math:`1/\sqrt d` for d features of a head, as in attention.
        learnable: Whether each head learns its beta (it stays positive, as its logarithm is what
            is learnt).
        top_k: How many patterns at most a query associates with; None lets all take part.
        gradient: How many steps are taken, and how they are differentiated.
    Raises:
        ConfigurationError: If `beta` or `top_k` is not positive.
    """

    beta: float | None = None
    learnable: bool = True
    top_k: int | None = None
    gradient: RetrievalGradient = field(default_factory=Unrolled)

    def __post_init__(self) -> None:
        if self.beta is not None:
            check_beta(self.beta)
        check_top_k(self.top_k)


_RETRIEVAL = Retrieval()
_PROJECTIONS = Projections()


class HopfieldLayer(nn.Module):
    r"""Modern Hopfield layer: each query goes downhill to stored patterns and reads their values.

    .. math:: x_{t+1} = \mathrm{softmax}(\beta_h\, x_t K_h^T) K_h, \quad
              y_h = \mathrm{softmax}(\beta_h\, x_{T-1} K_h^T) V_h

    in each head h, from a query x_0 in T steps of which the read-out y is the last. With one step
    it is multi-head attention; with `RawPatterns()`, where values are keys, it is the associative
    memory itself. A query that sees no pattern gets zeros.

    Arguments:
        features: Number D of features of a query.
        heads: Number H of heads.
        retrieval: Beta, sparsity, steps and gradient.
        projections: Learnt maps into and out of the heads, or `RawPatterns()`.
        generator: Feeds the initial draw; its device is where the layer is made.
    Raises:
        ConfigurationError: If a size is below 1 or does not fit the number of heads.
    Source: Ramsauer et al. (2020), https://arxiv.org/abs/2008.02217. Deviations: further steps
        are taken from the state in the heads, without new projections.
    """

    log_beta: Tensor

    def __init__(
        self,
        features: int,
        heads: int = 1,
        retrieval: Retrieval = _RETRIEVAL,
        projections: HeadSettings = _PROJECTIONS,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.retrieval = retrieval
        self.heads = projections.make(features, heads, generator=generator)
        beta = retrieval.beta or 1 / math.sqrt(self.heads.head_features)
        device = generator.device if generator is not None else None
        log_beta = torch.full((heads,), math.log(beta), device=device)
        if retrieval.learnable:
            self.log_beta = nn.Parameter(log_beta)
        else:
            self.register_buffer("log_beta", log_beta)

    @property
    def beta(self) -> Tensor:
        """Inverse temperature of each head, `(H,)`, positive."""
        return self.log_beta.exp()

    def forward(
        self,
        queries: Tensor,
        keys: Tensor | None = None,
        values: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        pair_mask: Tensor | None = None,
    ) -> Tensor:
        """Retrieve a value for each query.

        Arguments:
            queries: Shape `(*, L, D)`.
            keys: Stored patterns, `(*, M, D')`; None means the queries themselves. Leading
                dimensions broadcast with those of the queries.
            values: What is read out, `(*, M, D'')`; None means the keys.
            mask: True where a pattern takes part, `(*, M)`; hidden ones may hold anything.
            pair_mask: True where a query may see a pattern, `(*, L, M)`.
        Returns:
            Outputs, `(*, L, O)`.
        Raises:
            DataError: If shapes do not fit or a mask is not boolean.
            TrainingError: If a strict gradient mode fails.
        """
        return self.associate(queries, keys, values, mask=mask, pair_mask=pair_mask).output

    def associate(
        self,
        queries: Tensor,
        keys: Tensor | None = None,
        values: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        pair_mask: Tensor | None = None,
    ) -> Association:
        """As `forward`, with weights, steps, retrieved keys and energies beside the output."""
        keys = queries if keys is None else keys
        values = keys if values is None else values
        heads = self.heads
        sizes = (heads.features, heads.key_features, heads.value_features)
        check_request(queries, keys, values, sizes)
        visible = visible_pairs(queries, keys, mask, pair_mask)
        if mask is not None:  # zero times what padding may hold is not always zero
            keys = torch.where(mask.unsqueeze(-1), keys, 0.0)
            values = torch.where(mask.unsqueeze(-1), values, 0.0)
        patterns = StoredPatterns(
            heads.keys(keys),
            self.beta.view(-1, 1, 1),
            None if visible is None else visible.unsqueeze(-3),
            self.retrieval.top_k,
        )
        states, steps = self.retrieval.gradient.approach(heads.queries(queries), patterns)
        weights = patterns.weights(states)  # (*, H, L, M)
        output = heads.outputs(weights @ heads.values(values))
        if visible is not None:  # biases would show where nothing was retrieved
            output = torch.where(visible.any(-1, keepdim=True), output, 0.0)
        steps = steps.expand(weights.shape[:-1])
        return Association(output, weights, steps, patterns, states)

    def extra_repr(self) -> str:
        """Settings of retrieval."""
        return f"features={self.heads.features}, heads={len(self.log_beta)}, {self.retrieval}"
