"""One coupling of neurons: which of them act together, how strongly, and by which rule."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import ConfigurationError

__all__ = ["CouplingTerm"]


@dataclass(frozen=True)
class CouplingTerm:
    r"""What a rule contributes to the energy: products of as many neurons as its order.

    .. math:: E_k = -\sum_i w_i \prod_{t=1}^{m} V_{n_{it}}

    Order one is a bias, order two couples pairs (an instance of distinct neurons i, j adds w to
    both Q_ij and Q_ji, one of a neuron with itself adds 2w to Q_ii), higher orders are products
    of three neurons and more. A hard term forbids instead: a state in which all neurons of an
    instance are on breaks the rule.

    Arguments:
        name: Of the rule.
        neurons: Flat indices of the neurons of each instance, integers `(n, m)`, m >= 1.
        weights: Weight of each instance, `(n,)`, in units of energy; may carry gradients to the
            parameters of the rule. Ignored by a hard term.
        hard: Whether the conjunctions are forbidden.
        source: The rule as written.
        line: Line of the rule in its file, counted from 1; 0 if it has none.
    Raises:
        ConfigurationError: If shapes disagree or the order is zero.
    """

    name: str
    neurons: Tensor
    weights: Tensor
    hard: bool = False
    source: str = ""
    line: int = 0

    def __post_init__(self) -> None:
        if self.neurons.dim() != 2 or self.neurons.shape[1] < 1:
            raise ConfigurationError(
                f"rule {self.name}: neurons must have shape (n, order) with an order of at least "
                f"one, but have {tuple(self.neurons.shape)}"
            )
        if self.weights.shape != self.neurons.shape[:1]:
            raise ConfigurationError(
                f"rule {self.name}: {len(self.neurons)} instances need as many weights, but "
                f"there are {tuple(self.weights.shape)}"
            )

    @property
    def order(self) -> int:
        """How many neurons an instance couples."""
        return self.neurons.shape[1]

    def broken(self, states: Tensor) -> Tensor:
        """How many instances have all their neurons on (above one half), `(R,)`.

        Arguments:
            states: Shape `(R, G, S)`.
        """
        on = states.flatten(1) > 0.5  # (R, n)
        return on[:, self.neurons].all(2).sum(1)

    def to(self, device: torch.device | str) -> "CouplingTerm":
        """The same term on a device."""
        neurons, weights = self.neurons.to(device), self.weights.to(device)
        return CouplingTerm(self.name, neurons, weights, self.hard, self.source, self.line)
