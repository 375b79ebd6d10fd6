"""Lookup: queries retrieve from a memory that the layer holds, learnt or written."""

import torch
from torch import Generator, Tensor, nn

from esr.associative.association import Association
from esr.associative.heads import HeadSettings, RawPatterns, check_sizes
from esr.associative.layer import HopfieldLayer, Retrieval
from esr.associative.slots import Slots
from esr.errors import ConfigurationError, DataError

__all__ = ["HopfieldLookup"]

_RETRIEVAL = Retrieval()
_RAW = RawPatterns()


class HopfieldLookup(nn.Module):
    """A memory of M patterns, each with a value if wanted, that trains, is written, or both.

    What `state_dict` holds includes the patterns, which slots are filled, when, and their usage.
    With `LeastUsed`, retrieval changes the usage, in training and in evaluation.

    Arguments:
        features: Number D of features of a query and of a pattern.
        slots: Number of patterns, their values, and which gives way to a new one.
        heads: Number H of heads.
        retrieval: Beta, sparsity, steps and gradient.
        projections: By default patterns are compared as they are; `Projections(...)`, whose
            `key_features` stay None, learns maps into and out of the heads.
        generator: Feeds the initial draw; its device is where the layer is made.
    Raises:
        ConfigurationError: If a size is below 1, does not fit the number of heads, or is not
            that which the projections expect.
    Source: Ramsauer et al. (2020), layer "HopfieldLayer", https://arxiv.org/abs/2008.02217.
        Deviations: writing is ours.
    """

    patterns: Tensor
    values: Tensor | None
    occupied: Tensor
    written: Tensor
    usage: Tensor

    def __init__(
        self,
        features: int,
        slots: Slots,
        heads: int = 1,
        retrieval: Retrieval = _RETRIEVAL,
        projections: HeadSettings = _RAW,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_sizes(features=features)
        self.slots = slots
        count, device = slots.count, generator.device if generator is not None else None
        self.layer = HopfieldLayer(features, heads, retrieval, projections, generator=generator)
        self._check_heads()
        for name, size in (("patterns", features), ("values", slots.value_features)):
            self._hold(name, size, generator)
        self.register_buffer("occupied", torch.full((count,), not slots.empty, device=device))
        self.register_buffer("written", torch.zeros(count, dtype=torch.long, device=device))
        self.register_buffer("usage", torch.zeros(count, device=device))

    def forward(self, queries: Tensor) -> Tensor:
        """What is retrieved, `(*, L, O)`, for queries `(*, L, D)`; zeros from an empty memory.

        Raises:
            DataError: If shapes do not fit.
        """
        return self.associate(queries).output

    def associate(self, queries: Tensor) -> Association:
        """As `forward`, with weights, steps, retrieved keys and energies beside the output."""
        mask = self.occupied if self.slots.empty else None
        found = self.layer.associate(queries, self.patterns, self.values, mask=mask)
        with torch.no_grad():
            share = found.weights.flatten(0, -2).mean(0)
            usage = self.slots.replacement.after_reading(self.usage, share)
            if usage is not self.usage:
                self.usage.copy_(usage)
        return found

    @torch.no_grad()
    def write_(
        self, patterns: Tensor, values: Tensor | None = None, *, slots: Tensor | None = None
    ) -> Tensor:
        """Write patterns into the memory; no gradient flows to them.

        An optimizer that keeps moments of a learnable memory is not told.

        Arguments:
            patterns: Shape `(n, D)`, n at most M.
            values: Shape `(n, D')` if the memory holds values, else None.
            slots: Where to, n different integers from 0 to M - 1; None takes empty slots first
                and then those that the replacement names.
        Returns:
            The slots written, `(n,)`.
        Raises:
            DataError: If a shape does not fit or a slot does not exist or comes twice.
        """
        self._check_rows("patterns", patterns, self.patterns)
        if (values is None) != (self.values is None):
            raise DataError(
                "values must be given, as the memory holds them beside its patterns"
                if values is None
                else "values were given, but the memory holds none; set Slots(value_features=...)"
            )
        if values is not None and self.values is not None:
            self._check_rows("values", values, self.values)
            if len(values) != len(patterns):
                raise DataError(f"{len(patterns)} patterns came with {len(values)} values")
        chosen = self._chosen(len(patterns), slots)
        self.patterns.index_copy_(0, chosen, patterns.to(self.patterns))
        if values is not None and self.values is not None:
            self.values.index_copy_(0, chosen, values.to(self.values))
        self.occupied[chosen] = True
        self.written[chosen] = self.written.max() + 1
        self.usage.copy_(self.slots.replacement.after_writing(self.usage, chosen))
        return chosen

    @torch.no_grad()
    def erase_(self, slots: Tensor | None = None) -> None:
        """Empty these slots, or all: they take no part until they are written.

        Arguments:
            slots: Different integers from 0 to M - 1; None means all.
        Raises:
            DataError: If the memory is not one that may be empty, or a slot does not exist.
        """
        if not self.slots.empty:
            raise DataError("only a memory made with Slots(empty=True) can have empty slots")
        if slots is not None:
            slots = self._chosen(slots.numel(), slots)
        chosen = slice(None) if slots is None else slots
        self.occupied[chosen] = False
        self.usage[chosen] = 0

    def extra_repr(self) -> str:
        """What the memory is."""
        return f"{self.slots}"

    def _hold(self, name: str, size: int | None, generator: Generator | None) -> None:
        """Make one of the memory's tensors, `(M, size)`."""
        if size is None:
            self.register_buffer(name, None)
            return
        device = generator.device if generator is not None else None
        shape = (self.slots.count, size)
        if self.slots.empty:
            initial = torch.zeros(shape, device=device)
        else:
            initial = torch.randn(shape, generator=generator, device=device)
        if self.slots.learnable:
            self.register_parameter(name, nn.Parameter(initial))
        else:
            self.register_buffer(name, initial)

    def _check_heads(self) -> None:
        heads, values = self.layer.heads, self.slots.value_features or self.layer.heads.features
        if heads.key_features != heads.features:
            raise ConfigurationError(
                f"patterns have as many features as queries, {heads.features}, but the "
                f"projections expect {heads.key_features}; leave Projections.key_features None"
            )
        if heads.value_features not in (None, values):
            raise ConfigurationError(
                f"values have {values} features, but the projections expect "
                f"{heads.value_features}; set Projections(value_features={values})"
            )
        if heads.value_features is None and values % len(self.layer.log_beta):
            raise ConfigurationError(
                f"values of {values} features cannot be shared by {len(self.layer.log_beta)} heads"
            )

    def _check_rows(self, name: str, rows: Tensor, held: Tensor) -> None:
        if rows.dim() != 2 or rows.shape[1] != held.shape[1] or len(rows) > len(held):
            raise DataError(
                f"{name} to write must have shape (n, {held.shape[1]}) with n at most "
                f"{len(held)}, but have {tuple(rows.shape)}"
            )

    def _chosen(self, count: int, slots: Tensor | None) -> Tensor:
        if slots is None:
            return self.slots.to_write(count, self.occupied, self.written, self.usage)
        last, chosen = self.slots.count - 1, slots.to(self.occupied.device)
        good = chosen.shape == (count,) and not chosen.is_floating_point()
        good = (
            good and chosen.dtype != torch.bool and bool(((chosen >= 0) & (chosen <= last)).all())
        )
        if not good or int(torch.bincount(chosen, minlength=1).max()) > 1:
            raise DataError(
                f"slots must be {count} different integers from 0 to {last}, but are "
                f"{slots.tolist()}"
            )
        return chosen.long()
