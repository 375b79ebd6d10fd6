"""The one check of inputs that other programs do not survive without."""

from torch import Tensor

from esr.errors import DataError

__all__ = ["require_columns"]


def require_columns(inputs: Tensor, features: int) -> None:
    """Refuse inputs that are not `(N, features)`.

    Raises:
        DataError: If the shape is another.
    """
    if inputs.dim() != 2 or inputs.shape[1] != features:
        raise DataError(f"expected inputs of shape (N, {features}), but got {tuple(inputs.shape)}")
