"""A formula's residuals as a function of its named constants."""

import torch
from torch import Tensor

from esr.equations import Constant, Expression, LeastSquares, Variable, levenberg_marquardt, prefix
from esr.equations.evaluation import Evaluator
from esr.search import Rows

__all__ = ["NamedConstants"]

_STEPS = 200


class NamedConstants:
    """Residuals of many settings of a formula's named constants at once.

    Arguments:
        formula: An expression; its variables that are none of the rows' are its C constants.
        rows: N rows.
    """

    def __init__(self, formula: Expression, rows: Rows) -> None:
        self._rows = rows
        self._root_weights = rows.weights.sqrt()
        self.names = tuple(name for name in formula.variables if name not in rows.variables)
        """The constants, sorted."""
        place = {name: index for index, name in enumerate(self.names)}
        leaves = [node for node in prefix(formula) if not node.arguments]
        self._fixed: list[float | None] = []
        self._place: list[int] = []
        for node in leaves:
            if isinstance(node, Constant):
                self._fixed.append(node.value)
            elif isinstance(node, Variable) and node.name in place:
                self._fixed.append(None)
                self._place.append(place[node.name])
        numbers = formula.substitute(dict.fromkeys(self.names, 1.0))
        self._evaluator = Evaluator(numbers, rows.variables)

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self._rows.target.device

    def fit(self, starts: Tensor) -> LeastSquares:
        """Least squares from starts `(B, C)`."""
        return levenberg_marquardt(self.residuals, starts, steps=_STEPS, linearise=self.linearised)

    def residuals(self, parameters: Tensor) -> Tensor:
        """Weighted residuals `(B, N)` for constants `(B, C)`."""
        value = self._evaluator(self._rows.inputs.unbind(1), self._numbers(parameters))
        return self._weighted(value, len(parameters))

    def linearised(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted residuals `(B, N)` and their derivatives `(B, N, C)`."""
        value, slopes = self._evaluator.with_slopes(
            self._rows.inputs.unbind(1),
            self._numbers(parameters),
            [number is None for number in self._fixed],
        )
        count = len(self._rows.target)
        columns = parameters.new_zeros(len(parameters), len(self.names), count)
        for place, slope in zip(self._place, slopes, strict=True):
            columns[:, place] += slope
        columns *= self._root_weights
        return self._weighted(value, len(parameters)), columns.mT

    def _weighted(self, value: Tensor, settings: int) -> Tensor:
        residuals = value - self._rows.target
        return (residuals * self._root_weights).expand(settings, len(self._rows.target))

    def _numbers(self, parameters: Tensor) -> list[Tensor]:
        """One tensor for each number in the text: `()` if it stays, else `(B, 1)`."""
        places = iter(self._place)
        return [
            parameters[:, next(places), None] if number is None else parameters.new_tensor(number)
            for number in self._fixed
        ]
