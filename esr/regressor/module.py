"""Equations of several outputs as one torch module."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from esr.equations import Expression, ExpressionModule

__all__ = ["EquationsModule"]


class EquationsModule(nn.Module):
    """Equations side by side, their constants trained by gradient.

    Arguments:
        equations: One for each output, at least one.
        variables: Names of the D features of the input, in order.
        dtype: Type of the constants; torch's default type if None.
    """

    def __init__(
        self,
        equations: Sequence[Expression],
        variables: Sequence[str],
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.outputs = nn.ModuleList(
            ExpressionModule(equation, variables, dtype=dtype) for equation in equations
        )

    def forward(self, x: Tensor) -> Tensor:
        """Values `(*, O)` for inputs `(*, D)`."""
        return torch.stack([output(x) for output in self.outputs], dim=-1)
