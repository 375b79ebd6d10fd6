"""Exact maximum likelihood of networks whose slots form a forest."""

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.exact.forest import ForestDistribution
from esr.hopfield.exact.pairwise import PairwiseNetwork
from esr.hopfield.exact.rooted import RootedForest
from esr.hopfield.learning.hard_zeros import HardZeros
from esr.hopfield.learning.learner import forbidden_by, with_forbidden
from esr.hopfield.learning.minimise import minimise
from esr.hopfield.learning.wiring import Counts, Wiring, count_examples

__all__ = ["MaximumLikelihood"]


class MaximumLikelihood:
    r"""The network under which the examples are most probable, on a forest.

    If no slots and no edges share parameters it is, with the frequencies p of symbols and pairs,

    .. math:: b_g(s) = \log p_g(s), \quad M_e(s, t) = \log \frac{p_e(s, t)}{p_g(s)\, p_h(t)},

    the logarithm of Hebbian counts. Otherwise the likelihood, which is concave, is maximised by
    L-BFGS with exact gradients: frequencies in the examples minus those of the model, summed
    over what is shared.

    Arguments:
        pseudo_count: Examples drawn uniformly from what is not forbidden, in expectation, that
            are added to the given ones; at least 0. Without any, unseen symbols and pairs are
            impossible and hence forbidden, whatever `hard_zeros`.
        hard_zeros: What to forbid; None forbids nothing if there are pseudo-counts.
        steps: Most L-BFGS iterations where parameters are shared.
    Raises:
        ConfigurationError: If a value is out of range.
    Source: Chow, Liu (1968), https://doi.org/10.1109/TIT.1968.1054142, for the closed form.
    """

    def __init__(
        self,
        pseudo_count: float = 0.0,
        hard_zeros: HardZeros | None = None,
        steps: int = 200,
    ) -> None:
        if not pseudo_count >= 0 or steps < 1:
            raise ConfigurationError(
                f"pseudo_count must be at least 0 and steps at least 1, but are {pseudo_count} "
                f"and {steps}"
            )
        self.pseudo_count, self.steps = pseudo_count, steps
        self.hard_zeros = hard_zeros if pseudo_count > 0 else HardZeros()

    def learn(
        self,
        examples: Tensor,
        symbols: int,
        wiring: Wiring,
        *,
        generator: Generator | None = None,
    ) -> PairwiseNetwork:
        """As `NetworkLearner.learn`; draws nothing.

        Raises:
            DataError: If the examples are not integers below `symbols`.
            ConfigurationError: If the edges close a cycle.
        """
        counts = count_examples(examples, symbols, wiring)
        forest = RootedForest(wiring.slots, wiring.edges)
        dead_fields, dead_couplings = forbidden_by(self.hard_zeros, counts, wiring)
        fields = with_forbidden(torch.zeros_like(dead_fields, dtype=torch.double), dead_fields)
        couplings = with_forbidden(
            torch.zeros_like(dead_couplings, dtype=torch.double), dead_couplings
        )
        start = wiring.spread(fields, couplings)
        base = ForestDistribution(forest, start.fields, start.couplings)
        singles, pairs = self._frequencies(counts, base)
        if wiring.shares:
            return self._climb(wiring, forest, (fields, couplings), (singles, pairs))
        return _closed_form(wiring, singles, pairs)

    def _frequencies(self, counts: Counts, base: ForestDistribution) -> tuple[Tensor, Tensor]:
        """Frequencies `(G, S)`, `(E, S, S)` with the pseudo-counts; those are consistent, as
        the uniform distribution over what is allowed is itself one of the model's."""
        total = counts.number + self.pseudo_count
        singles = counts.singles + self.pseudo_count * base.marginals()[0]
        pairs = counts.pairs + self.pseudo_count * base.pair_marginals()[0]
        return singles / total, pairs / total

    def _climb(
        self,
        wiring: Wiring,
        forest: RootedForest,
        start: tuple[Tensor, Tensor],
        frequencies: tuple[Tensor, Tensor],
    ) -> PairwiseNetwork:
        """The shared parameters at which the model's frequencies are the given ones."""
        wanted = wiring.pooled(*frequencies)
        dead = [values == -torch.inf for values in start]
        parameters = [torch.zeros_like(values, requires_grad=True) for values in start]

        def loss() -> Tensor:
            hard = [with_forbidden(p, mask) for p, mask in zip(parameters, dead, strict=True)]
            network = wiring.spread(*hard)
            partition = ForestDistribution(forest, network.fields, network.couplings)
            fit = sum((p * w).sum() for p, w in zip(parameters, wanted, strict=True))
            return partition.log_partition()[0] - fit

        minimise(loss, parameters, self.steps)
        found = [
            with_forbidden(p.detach(), mask) for p, mask in zip(parameters, dead, strict=True)
        ]
        return wiring.spread(*found)


def _closed_form(wiring: Wiring, singles: Tensor, pairs: Tensor) -> PairwiseNetwork:
    """Fields and couplings of a forest with these frequencies, none shared."""
    fields = singles.log()
    first, second = singles[wiring.edges[:, 0]], singles[wiring.edges[:, 1]]
    apart = first[:, :, None] * second[:, None, :]
    # A pair with an impossible symbol needs no rule of its own.
    couplings = torch.where(apart > 0, (pairs / torch.where(apart > 0, apart, 1)).log(), 0)
    return PairwiseNetwork(fields, wiring.edges, couplings)
