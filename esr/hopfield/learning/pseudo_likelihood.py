"""Pseudo-likelihood: each slot predicted from its neighbours, on any graph of slots."""

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.exact.pairwise import PairwiseNetwork
from esr.hopfield.learning.hard_zeros import HardZeros
from esr.hopfield.learning.learner import forbidden_by, with_forbidden
from esr.hopfield.learning.minimise import minimise
from esr.hopfield.learning.wiring import Wiring, count_examples

__all__ = ["PseudoLikelihood", "local_fields"]


class PseudoLikelihood:
    r"""The network that best predicts each slot of the examples from the others.

    .. math:: -\frac1n \sum_{i,g} \log P(x_{ig} \mid x_{i, \text{others}}) + \lambda \|\theta\|^2

    Needs no partition function, so edges may close cycles. Convex; minimised by L-BFGS.

    Arguments:
        l2: :math:`\lambda > 0`, per squared unit of energy; keeps weights of what is never seen
            finite.
        hard_zeros: What to forbid; None forbids nothing.
        steps: Most L-BFGS iterations.
    Raises:
        ConfigurationError: If a value is out of range.
    Source: Besag (1975), https://doi.org/10.2307/2987782; for couplings of many symbols Ekeberg
        et al. (2013), eqs. 13-16, https://arxiv.org/abs/1211.1281.
    """

    def __init__(
        self, l2: float = 1e-4, hard_zeros: HardZeros | None = None, steps: int = 200
    ) -> None:
        if not l2 > 0 or steps < 1:
            raise ConfigurationError(
                f"l2 must be positive and steps at least 1, but are {l2} and {steps}"
            )
        self.l2, self.hard_zeros, self.steps = l2, hard_zeros, steps

    def learn(
        self,
        examples: Tensor,
        symbols: int,
        wiring: Wiring,
        *,
        generator: Generator | None = None,
    ) -> PairwiseNetwork:
        """As `NetworkLearner.learn`; draws nothing."""
        counts = count_examples(examples, symbols, wiring)
        dead = forbidden_by(self.hard_zeros, counts, wiring)
        parameters = [torch.zeros_like(m, dtype=torch.double, requires_grad=True) for m in dead]

        def network() -> PairwiseNetwork:
            hard = [with_forbidden(p, mask) for p, mask in zip(parameters, dead, strict=True)]
            return wiring.spread(*hard)

        def loss() -> Tensor:
            logs = local_fields(network(), examples).log_softmax(2)
            fit = logs.gather(2, examples[:, :, None]).sum() / len(examples)
            size = torch.stack([p.square().sum() for p in parameters]).sum()
            return self.l2 * size - fit

        minimise(loss, parameters, self.steps)
        with torch.no_grad():
            return network()


def local_fields(network: PairwiseNetwork, symbols: Tensor) -> Tensor:
    """What each symbol of each slot would add to minus the energy, the other slots held.

    Arguments:
        symbols: States by the symbol of each slot, `(n, G)`.
    Returns:
        Shape `(n, G, S)`; -inf where forbidden. Its softmax is the law of one Gibbs step.
    """
    first, second = network.edges.unbind(1)
    edge = torch.arange(len(first), device=symbols.device)
    onto_second = network.couplings[edge, symbols[:, first]]  # (n, E, S)
    onto_first = network.couplings.mT[edge, symbols[:, second]]
    fields = network.fields.expand(len(symbols), -1, -1)
    return fields.index_add(1, second, onto_second).index_add(1, first, onto_first)
