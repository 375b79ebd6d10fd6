"""Numbers as users have them: arrays, frames, lists and tensors, weighted or not."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from esr.errors import DataError
from esr.finishing import MACHINE_PRECISION
from esr.search import Rows

__all__ = ["as_array", "as_numbers", "precision_of", "rows_of"]

_ROUNDINGS = 2.0
"""How many times the rounding of its own type a computed number is taken to be off."""


def as_array(values: object) -> object:
    """A tensor as an array; anything else as it is."""
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else values


def as_numbers(values: object, name: str) -> NDArray[np.float64]:
    """Real numbers in double precision.

    Raises:
        DataError: If they are sparse, text or anything else that is no number.
    """
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "buifO":
        found = values.dtype if isinstance(values, np.ndarray) else type(values).__name__
        raise DataError(f"{name} must be an array of real numbers, but is of type {found}")
    return values.astype(np.float64)


def precision_of(*tables: object) -> float:
    r"""Share of a mean square that rounding may leave, by the coarsest floating type.

    .. math:: (2 \cdot \varepsilon / 2)^2

    with the type's spacing :math:`\varepsilon` at 1; whole numbers are exact.

    Arguments:
        tables: Arrays, frames or tensors; what has no type counts as double precision.
    """
    spacing = max((_spacing(table) for table in tables), default=0.0)
    return max(MACHINE_PRECISION, (_ROUNDINGS * spacing / 2) ** 2)


def rows_of(
    inputs: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    variables: Sequence[str],
    device: torch.device,
) -> Rows:
    """Rows on a device.

    Arguments:
        inputs: Shape `(N, D)`, finite.
        target: Shape `(N,)`, finite.
        weights: Shape `(N,)`, not negative and not all 0; 1 if None.
        variables: D names.
        device: Where to.
    """
    columns = torch.tensor(inputs, dtype=torch.float64, device=device)
    values = torch.tensor(target, dtype=torch.float64, device=device)
    importance = values.new_ones(len(values))
    if weights is not None:
        importance = torch.tensor(weights, dtype=torch.float64, device=device)
    return Rows(columns, values, importance, tuple(variables))


def _spacing(table: object) -> float:
    """The spacing at 1 of the coarsest floating type in a table."""
    if isinstance(table, Tensor):
        return torch.finfo(table.dtype).eps if table.dtype.is_floating_point else 0.0
    types = getattr(table, "dtypes", None)
    found = list(types) if types is not None and not isinstance(types, np.dtype) else []
    found = found or [getattr(table, "dtype", None)]
    spacings = [
        float(np.finfo(kind).eps)
        for kind in found
        if isinstance(kind, np.dtype) and kind.kind == "f"
    ]
    return max(spacings, default=0.0)
