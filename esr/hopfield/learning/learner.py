"""What every way of learning a network from examples offers, and what they share."""

from typing import Protocol

import torch
from torch import Generator, Tensor

from esr.hopfield.exact.pairwise import PairwiseNetwork
from esr.hopfield.learning.hard_zeros import HardZeros
from esr.hopfield.learning.wiring import Counts, Wiring

__all__ = ["NetworkLearner", "forbidden_by", "with_forbidden"]


class NetworkLearner(Protocol):
    """Learns the fields and couplings of a network from examples of its states."""

    def learn(
        self,
        examples: Tensor,
        symbols: int,
        wiring: Wiring,
        *,
        generator: Generator | None = None,
    ) -> PairwiseNetwork:
        """The network whose samples at temperature one resemble the examples.

        Arguments:
            examples: The symbol of each slot, integers `(n, G)`.
            symbols: Number of symbols S of a slot.
            wiring: Which slots are coupled and which share parameters.
            generator: Source of draws, if the learner makes any.
        Returns:
            A network in double precision; its `terms` are the learnt rules.
        Raises:
            DataError: If the examples are not of such integers.
            ConfigurationError: If the wiring is not for as many slots.
        """
        ...


def forbidden_by(
    hard_zeros: HardZeros | None, counts: Counts, wiring: Wiring
) -> tuple[Tensor, Tensor]:
    """Masks of forbidden symbols `(K, S)` and pairs `(K', S, S)`; none without a criterion."""
    if hard_zeros is not None:
        return hard_zeros.forbidden(counts, wiring)
    singles, pairs = wiring.pooled(counts.singles, counts.pairs)
    return singles < 0, pairs < 0


def with_forbidden(values: Tensor, forbidden: Tensor) -> Tensor:
    """Values with -inf where the mask is set; their gradients are zero there."""
    return torch.where(forbidden, -torch.inf, values)
