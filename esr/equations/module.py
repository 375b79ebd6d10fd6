"""An expression as a torch module."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from esr.equations.evaluation import Evaluator, check_variables, fixed_constants
from esr.equations.expression import Expression

__all__ = ["ExpressionModule"]


class ExpressionModule(nn.Module):
    """An expression whose constants are trained by gradient.

    All constants are entries of the one parameter `constants`, except whole exponents of `pow`,
    which belong to the form: a change would make the power of a negative number NaN. To train
    such an exponent, write it as an expression of its own, such as `x**(2 + 0)`.

    Arguments:
        expression: The expression.
        variables: Names of the features of the input, in order, containing all of the
            expression's.
        dtype: Type of the parameter; torch's default type if `None`.
        device: Device of the parameter; torch's default device if `None`.
    Raises:
        ValueError: If a variable is missing or named twice.
    """

    def __init__(
        self,
        expression: Expression,
        variables: Sequence[str],
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.variables = tuple(variables)
        if len(set(self.variables)) < len(self.variables):
            raise ValueError(f"variables must be distinct, but are {', '.join(self.variables)}")
        check_variables(expression, self.variables)
        self._expression = expression
        self._evaluator = Evaluator(expression, self.variables)
        self._is_fixed = fixed_constants(expression, all_exponents=False)
        values = torch.tensor(expression.constants, dtype=dtype, device=device)
        fixed = torch.tensor(self._is_fixed, dtype=torch.bool, device=device)
        self.constants = nn.Parameter(values[~fixed])  # (C,)
        self.exponents: Tensor
        self.register_buffer("exponents", values[fixed], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The value of the expression.

        Arguments:
            x: Inputs `(*, D)`, one feature per variable, in the order of `variables`.
        Returns:
            Values `(*)`.
        Raises:
            ValueError: If the number of features is not the number of variables.
        """
        if x.ndim == 0 or x.shape[-1] != len(self.variables):
            raise ValueError(
                f"expected inputs (*, {len(self.variables)}) with the features "
                f"{', '.join(self.variables) or 'none'}, but got shape {tuple(x.shape)}"
            )
        trained, fixed = iter(self.constants.unbind()), iter(self.exponents.unbind())
        constants = [next(fixed if is_fixed else trained) for is_fixed in self._is_fixed]
        return self._evaluator(x.unbind(-1), constants).expand(x.shape[:-1])

    def expression(self) -> Expression:
        """The expression with the present constants.

        Raises:
            ValueError: If a constant is not finite, as after a diverged training.
        """
        trained, values = iter(self.constants.tolist()), self._expression.constants
        return self._expression.with_constants(
            [
                value if is_fixed else next(trained)
                for is_fixed, value in zip(self._is_fixed, values, strict=True)
            ]
        )

    def extra_repr(self) -> str:
        """The form of the expression and its variables."""
        return f"{self._expression:.4g}, variables=({', '.join(self.variables)})"
