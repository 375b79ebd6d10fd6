"""A supervised problem: inputs, targets and the names of the variables."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import DataError
from esr.models import Batch

__all__ = ["Problem"]


@dataclass(frozen=True)
class Problem:
    """Samples of an unknown function; as a batch source it gives all of them at each step.

    Arguments:
        inputs: Shape `(N, D)`, finite.
        targets: Shape `(N, O)`, finite.
        variables: D names.
    Raises:
        DataError: If shapes disagree, there is no sample, or a value is NaN or infinite.
    """

    inputs: Tensor
    targets: Tensor
    variables: Sequence[str]

    def __post_init__(self) -> None:
        if self.inputs.dim() != 2 or self.targets.dim() != 2 or not len(self.inputs):
            raise DataError(
                "inputs and targets must have shapes (N, D) and (N, O) with N >= 1, but have "
                f"{tuple(self.inputs.shape)} and {tuple(self.targets.shape)}"
            )
        if len(self.inputs) != len(self.targets):
            raise DataError(
                f"there are {len(self.inputs)} inputs but {len(self.targets)} targets; each "
                "sample needs both"
            )
        if len(self.variables) != self.inputs.shape[1]:
            raise DataError(
                f"{self.inputs.shape[1]} variable names are needed, but got {self.variables}"
            )
        for name, values in (("inputs", self.inputs), ("targets", self.targets)):
            bad = (~torch.isfinite(values)).nonzero()
            if len(bad):
                row, column = bad[0].tolist()
                raise DataError(
                    f"{name} hold {len(bad)} values that are NaN or infinite, the first in row "
                    f"{row}, column {column}; remove or repair those samples"
                )

    def batch(self, progress: object) -> Batch:
        """All samples, whatever the progress."""
        return Batch(self.inputs, self.targets)
