"""Pooling: learnt queries summarise a set."""

import torch
from torch import Generator, Tensor, nn

from esr.associative.association import Association
from esr.associative.heads import HeadSettings, Projections, check_sizes
from esr.associative.layer import HopfieldLayer, Retrieval

__all__ = ["HopfieldPooling"]

_RETRIEVAL = Retrieval()
_PROJECTIONS = Projections()


class HopfieldPooling(nn.Module):
    """A set of any size becomes P outputs, one for each learnt query; order does not matter.

    The queries learn through `Unrolled` retrieval only; the other modes leave them as drawn.

    Arguments:
        features: Number D of features of a query, and of a member of the set unless the
            projections say otherwise.
        queries: Number P of learnt queries, drawn normal with variance one.
        heads: Number H of heads.
        retrieval: Beta, sparsity, steps and gradient.
        projections: Learnt maps into and out of the heads, or `RawPatterns()`.
        generator: Feeds the initial draw; its device is where the layer is made.
    Raises:
        ConfigurationError: If a size is below 1 or does not fit the number of heads.
    Source: Ramsauer et al. (2020), layer "HopfieldPooling", https://arxiv.org/abs/2008.02217.
    """

    def __init__(
        self,
        features: int,
        queries: int = 1,
        heads: int = 1,
        retrieval: Retrieval = _RETRIEVAL,
        projections: HeadSettings = _PROJECTIONS,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_sizes(features=features, queries=queries)
        device = generator.device if generator is not None else None
        drawn = torch.randn(queries, features, generator=generator, device=device)
        self.queries = nn.Parameter(drawn)
        self.layer = HopfieldLayer(features, heads, retrieval, projections, generator=generator)

    def forward(self, members: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """Outputs `(*, P, O)` of sets `(*, M, D')`; of an empty one, zeros.

        Arguments:
            members: The members of each set.
            mask: True where there is a member, `(*, M)`; other places may hold anything.
        Raises:
            DataError: If shapes do not fit or the mask is not boolean.
        """
        return self.associate(members, mask=mask).output

    def associate(self, members: Tensor, *, mask: Tensor | None = None) -> Association:
        """As `forward`, with weights, steps, retrieved keys and energies beside the output."""
        return self.layer.associate(self.queries, members, mask=mask)
