"""Equations as a trainable model: the form is fixed, the constants are learned."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Generator, Tensor, nn

from esr.equations import Expression
from esr.equations.evaluation import Evaluator, check_variables, fixed_constants
from esr.errors import ConfigurationError
from esr.models import SymbolicModel

__all__ = ["ExpressionModel"]

ItemT = TypeVar("ItemT")


class ExpressionModel(SymbolicModel):
    """A symbolic model whose equations are given and whose constants are trained.

    It stands wherever a network does, for instance as the cell of a recurrent model. Whole
    exponents belong to the form and stay fixed.

    Arguments:
        equations: One equation for each output.
        variables: Names of the D inputs, in order.
        replicas: Number of copies R of the constants, at least 1, all with the same start.
    Raises:
        ConfigurationError: If there is no equation or `replicas < 1`.
        ValueError: If an equation has a variable that is not named.
    """

    fixed: Tensor

    def __init__(
        self, equations: Sequence[Expression], variables: Sequence[str], replicas: int = 1
    ) -> None:
        if not equations or replicas < 1:
            raise ConfigurationError(
                f"needs at least one equation and one replica, but got {len(equations)} and "
                f"{replicas}"
            )
        super().__init__(replicas)
        self.equations, self.variables = tuple(equations), tuple(variables)
        for equation in self.equations:
            check_variables(equation, self.variables)
        self._evaluators = [Evaluator(equation, self.variables) for equation in self.equations]
        self._is_fixed = [
            flag for e in self.equations for flag in fixed_constants(e, all_exponents=False)
        ]
        values = torch.tensor([c for e in self.equations for c in e.constants])
        fixed = torch.tensor(self._is_fixed, dtype=torch.bool)
        self.constants = nn.Parameter(values[~fixed].repeat(replicas, 1))  # (R, C)
        self.register_buffer("fixed", values[fixed].repeat(replicas, 1))

    def draw(self, *, generator: Generator | None = None) -> Callable[[Tensor], Tensor]:
        """The equations with their present constants."""
        groups = self._by_equation([column[:, None] for column in self._columns()])  # (R, 1)

        def function(inputs: Tensor) -> Tensor:
            values = inputs.expand(self.replicas, *inputs.shape[-2:]).unbind(2)  # (R, N) each
            outputs = [
                evaluator(values, constants).expand(self.replicas, inputs.shape[-2])
                for evaluator, constants in zip(self._evaluators, groups, strict=True)
            ]
            return torch.stack(outputs, dim=2)  # (R, N, O)

        return function

    def expressions(
        self, variables: Sequence[str], threshold: float = 0.0
    ) -> list[list[Expression]]:
        """The equations with each replica's constants; nothing is ever left out.

        Raises:
            ValueError: If the variables are not the model's, or a constant is not finite.
        """
        if tuple(variables) != self.variables:
            raise ValueError(f"the variables are {self.variables}, but got {tuple(variables)}")
        table = torch.stack(self._columns(), dim=1) if self._is_fixed else self.constants
        result = []
        for row in table.tolist():
            groups = self._by_equation(row)
            pairs = zip(self.equations, groups, strict=True)
            result.append([equation.with_constants(values) for equation, values in pairs])
        return result

    def repeat_replicas_(self, copies: int) -> None:
        """Have each replica stand `copies` times, side by side."""
        super().repeat_replicas_(copies)
        self.fixed = self.fixed.repeat_interleave(copies, 0)

    def _columns(self) -> list[Tensor]:
        """All constants in the order of the equations, each `(R,)`."""
        learned, fixed = iter(self.constants.unbind(1)), iter(self.fixed.unbind(1))
        return [next(fixed if flag else learned) for flag in self._is_fixed]

    def _by_equation(self, items: Sequence[ItemT]) -> list[Sequence[ItemT]]:
        """Items, one for each constant, grouped by equation."""
        groups, start = [], 0
        for equation in self.equations:
            groups.append(items[start : start + len(equation.constants)])
            start += len(equation.constants)
        return groups
