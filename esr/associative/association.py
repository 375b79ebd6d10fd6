"""What retrieval by a layer came to, and the check of what it is asked."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.associative.patterns import StoredPatterns
from esr.errors import DataError

__all__ = ["Association", "check_request", "visible_pairs"]


@dataclass(frozen=True, eq=False)
class Association:
    """Retrieval by a layer; energies and the like are found when asked for.

    Arguments:
        output: The layer's output, `(*, L, O)`.
        weights: Association weights of the last step, `(*, H, L, M)`; a row sums to one, or is
            zero for a query that sees no pattern.
        steps: Number of steps each query took in each head, integers `(*, H, L)`.
        patterns: The stored patterns of the heads.
        last: The states that the last step was taken from, `(*, H, L, d)`.
    """

    output: Tensor
    weights: Tensor
    steps: Tensor
    patterns: StoredPatterns
    last: Tensor

    @property
    def states(self) -> Tensor:
        """Keys retrieved, `(*, H, L, d)`: the states after the last step."""
        return self.weights @ self.patterns.keys

    @property
    def energies(self) -> Tensor:
        """Energy of each state retrieved, `(*, H, L)`, at least 0."""
        return self.patterns.energies(self.states)

    @property
    def residuals(self) -> Tensor:
        """Length of the last step in units of the longest key seen, `(*, H, L)`; 0 at rest.

        It is for judging only and carries no gradient.
        """
        with torch.no_grad():
            lengths = torch.linalg.vector_norm(self.states - self.last, dim=-1, keepdim=True)
            units = lengths / self.patterns.largest_norm()
            return torch.where(lengths > 0, units, 0.0).squeeze(-1)


def check_request(
    queries: Tensor, keys: Tensor, values: Tensor, features: tuple[int, int, int | None]
) -> None:
    """Raise a `DataError` unless queries, keys and values fit each other and the layer.

    Arguments:
        queries: Should be `(*, L, D)`.
        keys: Should be `(*, M, D')`.
        values: Should be `(*, M, D'')`.
        features: D, D' and D'', the last None if any will do.
    """
    given = {"queries": queries, "keys": keys, "values": values}
    for (name, tensor), count in zip(given.items(), features, strict=True):
        if tensor.dim() < 2 or (count is not None and tensor.shape[-1] != count):
            letter = "L" if name == "queries" else "M"
            raise DataError(
                f"{name} must have shape (*, {letter}, {count or 'features'}), but have "
                f"{tuple(tensor.shape)}"
            )
        if not tensor.is_floating_point():
            raise DataError(f"{name} must be floating-point numbers, but are {tensor.dtype}")
    if keys.shape[-2] != values.shape[-2] or keys.shape[-2] < 1:
        raise DataError(
            "keys and values must be equally many and at least one, but there are "
            f"{keys.shape[-2]} keys and {values.shape[-2]} values"
        )
    _broadcast("queries, keys and values", queries, keys, values)


def visible_pairs(
    queries: Tensor, keys: Tensor, mask: Tensor | None, pair_mask: Tensor | None
) -> Tensor | None:
    """Both masks in one, broadcasts to `(*, L, M)`, or None if every query sees every pattern.

    Arguments:
        queries: Shape `(*, L, D)`.
        keys: Shape `(*, M, D')`.
        mask: True where a pattern takes part, `(*, M)`.
        pair_mask: True where a query may see a pattern, `(*, L, M)`.
    Raises:
        DataError: If a mask is not boolean or does not fit.
    """
    length, count = queries.shape[-2], keys.shape[-2]
    for name, given, ending in (
        ("mask", mask, (count,)),
        ("pair_mask", pair_mask, (length, count)),
    ):
        if given is None:
            continue
        if given.dtype != torch.bool:
            raise DataError(
                f"{name} must be boolean, True where a pattern takes part, but is "
                f"{given.dtype}; try {name}.bool()"
            )
        if tuple(given.shape[-len(ending) :]) != ending:
            expected = ", ".join(str(size) for size in ("*", *ending))
            raise DataError(f"{name} must have shape ({expected}), but has {tuple(given.shape)}")
    rows = mask.unsqueeze(-2) if mask is not None else None  # (*, 1, M)
    _broadcast(
        "queries, keys and masks", queries, keys, *(m for m in (rows, pair_mask) if m is not None)
    )
    if rows is None or pair_mask is None:
        return rows if pair_mask is None else pair_mask
    return rows & pair_mask


def _broadcast(names: str, *tensors: Tensor) -> None:
    """Refuse leading dimensions, all but the last two, that do not broadcast."""
    leading = [tuple(tensor.shape[:-2]) for tensor in tensors]
    try:
        torch.broadcast_shapes(*leading)  # type: ignore[no-untyped-call]
    except RuntimeError as error:
        raise DataError(
            f"leading dimensions of {names} must broadcast, but are "
            + ", ".join(str(shape) for shape in leading)
        ) from error
