"""Functions drawn from a family, evaluated as one batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations import Expression
from esr.errors import DataError
from esr.meta.form import Form

__all__ = ["Functions"]


class Functions:
    """K functions drawn from a family.

    Arguments:
        forms: The M members of the family.
        kinds: The member that each function is of, whole numbers from 0 to M - 1, `(K,)`.
        parameters: The values of each function's parameters in the order of its member, `(K, P)`
            in float64; members with fewer than P leave the last columns unused.
    """

    def __init__(self, forms: Sequence[Form], kinds: Tensor, parameters: Tensor) -> None:
        self.count, self.kinds = len(kinds), kinds
        self._forms, self._parameters = tuple(forms), parameters
        # functions of one member side by side, and where each went; None if there is but one
        self._order: Tensor | None = None
        self._sizes = [self.count]
        if len(forms) > 1:
            self._order = torch.argsort(kinds, stable=True)
            self._place = torch.argsort(self._order)
            self._sizes = torch.bincount(kinds, minlength=len(forms)).tolist()
            parameters = parameters.index_select(0, self._order)
        parts = zip(self._forms, parameters.split_with_sizes(self._sizes), strict=True)
        self._coefficients = [form.coefficients(part) for form, part in parts]

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Each function at its own points, one evaluation for each member.

        Arguments:
            inputs: Shape `(K, N, D)`, with the variables of the family in order.
        Returns:
            New values `(K, N, 1)`, of the type of the inputs; NaN or infinite outside the domain
            of a primitive.
        Raises:
            DataError: If the inputs are not for K functions of D variables.
        """
        variables = self._forms[0].variables
        if inputs.dim() != 3 or inputs.shape[::2] != (self.count, len(variables)):
            raise DataError(
                f"expected inputs ({self.count}, N, {len(variables)}) for {self.count} functions "
                f"of {', '.join(variables)}, but got shape {tuple(inputs.shape)}"
            )
        if self._order is not None:
            inputs = inputs.index_select(0, self._order)
        parts = zip(
            self._forms, inputs.split_with_sizes(self._sizes), self._coefficients, strict=True
        )
        values = torch.cat([form.evaluate(x, c) for form, x, c in parts if len(x)])
        if self._order is not None:
            values = values.index_select(0, self._place)
        return values.unsqueeze(-1)

    def parameters(self) -> list[dict[str, float]]:
        """The values of each function's parameters by name; K of them."""
        rows = zip(self.kinds.tolist(), self._parameters.tolist(), strict=True)
        return [dict(zip(self._forms[kind].parameters, row, strict=False)) for kind, row in rows]

    def expressions(self) -> list[Expression]:
        """The equation of each function, K of them.

        Everything that does not depend on a variable is one number, in full precision.

        Raises:
            ValueError: If such a number is NaN or infinite.
        """
        grouped = [
            form.expression(numbers)
            for form, coefficients in zip(self._forms, self._coefficients, strict=True)
            for numbers in coefficients.squeeze(-1).T.tolist()
        ]
        if self._order is None:
            return grouped
        return [grouped[place] for place in self._place.tolist()]
