"""Losses that a user writes for expressions."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from esr.equations import Expression
from esr.errors import DataError
from esr.spelling import Layout

__all__ = ["RelaxedUserLoss", "UserLoss"]

ExpressionLoss = Callable[[list[Expression | None]], Tensor | Sequence[float]]


class UserLoss:
    """Any function of expressions, without gradients: for `finite_change_bias`.

    A loss of values that has gradients is a `ValueLoss`.

    Arguments:
        layout: How states are read.
        function: Makes one loss each of a list of expressions, in order; `None` stands for a
            state that spells none. It is called once for a batch, with every state once, and
            must give the same loss whenever it is asked. NaN counts as infinite.
        dtype: Type of the losses; torch's default type if `None`.
    """

    def __init__(
        self, layout: Layout, function: ExpressionLoss, dtype: torch.dtype | None = None
    ) -> None:
        self.layout, self.function, self.dtype = layout, function, dtype

    @property
    def samples(self) -> int:
        """1: nothing is known of the function's need."""
        return 1

    def of_symbols(self, symbols: Tensor) -> Tensor:
        """Losses of hard states.

        Arguments:
            symbols: Shape `(R, G)`.
        Returns:
            Shape `(R,)`.
        Raises:
            DataError: If the function gives another number of losses than it got expressions.
        """
        dtype = self.dtype or torch.get_default_dtype()
        if not len(symbols):
            return torch.zeros(0, dtype=dtype, device=symbols.device)
        distinct, places = symbols.unique(dim=0, return_inverse=True)  # type: ignore[no-untyped-call]
        given = self.function(self.layout.decode(distinct))
        losses = torch.as_tensor(given, dtype=dtype, device=symbols.device).detach()
        if losses.shape != (len(distinct),):
            raise DataError(
                f"the loss function got {len(distinct)} expressions, so it must give as many "
                f"losses in one dimension, but gave shape {tuple(losses.shape)}"
            )
        found: Tensor = torch.where(losses.isnan(), math.inf, losses)[places]
        return found


class RelaxedUserLoss(UserLoss):
    """A function of expressions and a differentiable one of relaxed states.

    Arguments:
        layout: How states are read.
        function: As for `UserLoss`.
        relaxed: Makes losses `(R,)` of relaxed states `(R, G, S)`, each replica for itself; at
            one-hot states it should be what `function` gives.
        dtype: As for `UserLoss`.
    """

    def __init__(
        self,
        layout: Layout,
        function: ExpressionLoss,
        relaxed: Callable[[Tensor], Tensor],
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(layout, function, dtype)
        self.relaxed = relaxed

    def of_states(self, states: Tensor) -> Tensor:
        """Losses of relaxed states `(R, G, S)`, shape `(R,)`."""
        return self.relaxed(states)
