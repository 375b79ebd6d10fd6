"""Losses of the values that a state's expression takes."""

import math
from collections.abc import Callable

from torch import Tensor

from esr.errors import ConfigurationError, DataError
from esr.loss_bias.compression import Logarithmic
from esr.spelling import Layout, RelaxedLayout
from esr.spelling.layout import check_inputs

__all__ = ["DataLoss", "TargetValue", "ValueLoss"]

Compression = Callable[[Tensor], Tensor]


class ValueLoss:
    """Any function of the values at given inputs, such as a distance in another space.

    Arguments:
        layout: How states are read.
        inputs: Where expressions are evaluated, shape `(N, D)`, finite.
        function: Makes losses `(R,)` of values `(R, N)`, each row for itself. Differentiable if
            the loss is to be used on relaxed states.
        compression: Applied to the losses, which must then be at least 0; `None` for none.
    Raises:
        DataError: If the inputs do not fit the layout's variables or are not finite.
    """

    def __init__(
        self,
        layout: Layout,
        inputs: Tensor,
        function: Callable[[Tensor], Tensor],
        compression: Compression | None = None,
    ) -> None:
        check_inputs(inputs, layout.variables)
        if not len(inputs) or not inputs.isfinite().all():
            raise DataError("inputs must be finite with at least one row; repair those samples")
        self.layout, self.inputs = layout, inputs
        self.function, self.compression = function, compression

    @property
    def samples(self) -> int:
        """The number of inputs N."""
        return len(self.inputs)

    def of_symbols(self, symbols: Tensor) -> Tensor:
        """Losses of hard states.

        Arguments:
            symbols: Shape `(R, G)`.
        Returns:
            Shape `(R,)`; infinite where a state spells no expression or the loss is not finite.
        """
        valid = self.layout.valid(symbols)
        losses = self.inputs.new_full((len(symbols),), math.inf)
        if bool(valid.any()):
            found = self.function(self.layout.values_of(symbols[valid], self.inputs))
            undefined = ~found.isfinite()  # compression might hide it
            losses[valid] = self.compressed(found).masked_fill(undefined, math.inf)
        return losses

    def of_states(self, states: Tensor) -> Tensor:
        """Losses of relaxed states, differentiable.

        Arguments:
            states: Shape `(R, G, S)`.
        Returns:
            Shape `(R,)`.
        Raises:
            ConfigurationError: If the layout gives relaxed states no value.
        """
        if not isinstance(self.layout, RelaxedLayout):
            raise ConfigurationError(
                f"{type(self.layout).__name__} has no relaxed values; use of_symbols, or a "
                "layout such as InfixString or HeapTree"
            )
        values = self.layout.values(states, self.inputs.to(states))
        return self.compressed(self.function(values))

    def compressed(self, losses: Tensor) -> Tensor:
        """The compression of losses `(*)`, where there is one."""
        return losses if self.compression is None else self.compression(losses)


class DataLoss(ValueLoss):
    r"""Mean squared error on data.

    .. math:: L = \frac{1}{N} \sum_n (\hat y_n - y_n)^2

    Arguments:
        layout: How states are read.
        inputs: Shape `(N, D)`, finite.
        targets: :math:`y`, shape `(N,)`, finite.
        compression: Applied to the error; `None` for none.
    Raises:
        DataError: If shapes disagree or a value is not finite.
    """

    def __init__(
        self,
        layout: Layout,
        inputs: Tensor,
        targets: Tensor,
        compression: Compression | None = None,
    ) -> None:
        super().__init__(layout, inputs, self._mean_square, compression)
        if targets.shape != (len(inputs),) or not targets.isfinite().all():
            raise DataError(
                f"targets must be finite of shape ({len(inputs)},), one for each row of the "
                f"inputs, but have shape {tuple(targets.shape)}"
            )
        self.targets = targets.to(inputs)

    def _mean_square(self, values: Tensor) -> Tensor:
        return (values - self.targets).square().mean(1)


class TargetValue(ValueLoss):
    r"""How far the value at one place is from a wanted one.

    .. math:: L = c(|\hat y - y|^e)

    Arguments:
        layout: How states are read.
        at: The value of each variable, shape `(D,)`, finite.
        value: :math:`y`, finite.
        exponent: :math:`e`, from 1, as for |error|, to 2, as for its square.
        compression: :math:`c`; `None` for none.
    Raises:
        DataError: If `at` does not fit the layout's variables.
        ConfigurationError: If `value` or `exponent` is out of range.
    """

    def __init__(
        self,
        layout: Layout,
        at: Tensor,
        value: float,
        exponent: float = 1.0,
        compression: Compression | None = Logarithmic(),  # noqa: B008  (it has no state)
    ) -> None:
        if not 1 <= exponent <= 2 or not math.isfinite(value):
            raise ConfigurationError(
                "needs a finite value and an exponent from 1 to 2, but got "
                f"value={value}, exponent={exponent}"
            )
        super().__init__(layout, at.reshape(1, -1), self._distance, compression)
        self.value, self.exponent = value, exponent

    def _distance(self, values: Tensor) -> Tensor:
        return (values[:, 0] - self.value).abs().pow(self.exponent)
