"""A learner: an initialisation, and the step sizes with which it adapts."""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from esr.meta.copies import Copies
from esr.meta.episodes import Episodes
from esr.meta.rates import InnerRates
from esr.models import Energy, EnergyModel, FunctionModel

__all__ = ["Learner"]


class Learner(EnergyModel[Episodes]):
    """A function model to be adapted, with its inner step sizes.

    Its own energy is that of joint training: the model's, on the points of all functions. What
    makes it learn to adapt is an objective such as `MAML`.

    Arguments:
        model: The initialisation; R replicas of it are R separate attempts.
        rate: Inner step size, positive; where learnt, the one to start from.
        learn_rate: Whether the outer loop learns the step size as well.
        rate_of_each_weight: Whether each weight has a step size of its own.
    Raises:
        ConfigurationError: If the rate is not positive.
    """

    inner_clipped: Tensor
    inner_steps: Tensor
    queries_limited: Tensor
    queries: Tensor

    def __init__(
        self,
        model: FunctionModel,
        rate: float = 0.01,
        learn_rate: bool = False,
        rate_of_each_weight: bool = False,
    ) -> None:
        super().__init__(model.replicas)
        self.model = model
        self.rates = InnerRates(model, rate, learnt=learn_rate, each_weight=rate_of_each_weight)
        zeros = torch.zeros(model.replicas, device=next(model.parameters()).device)
        for name in ("inner_clipped", "inner_steps", "queries_limited", "queries"):
            self.register_buffer(name, zeros.long())
        self._copies: dict[int, Copies] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_copies": {}}

    def energy(self, batch: Episodes, *, generator: Generator | None = None) -> Energy:
        """The model's energy on the points of all functions together, `(R,)`."""
        return self.model.energy(batch.pooled(), generator=generator)

    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        """Prune the model; copies lack from then on what it lacks."""
        self.model.prune(threshold, which)

    def copies(self, count: int) -> Copies:
        """`count` copies of each replica."""
        if count not in self._copies:
            self._copies[count] = Copies(self.model, count)
        return self._copies[count]

    def tally(self, clipped: Tensor, steps: int, limited: Tensor) -> None:
        """Count what acted in an outer step.

        Arguments:
            clipped: In how many of its inner steps each copy was clipped, `(R, K)`.
            steps: Number of inner steps.
            limited: Copies whose query error was limited, bool `(R, K)`.
        """
        self.inner_clipped += clipped.sum(1)
        self.inner_steps += steps * clipped.shape[1]
        self.queries_limited += limited.sum(1)
        self.queries += limited.shape[1]

    def tallies(self) -> Mapping[str, Tensor]:
        """Shares of the inner steps that were clipped and of the query errors that were limited,
        `(R,)`."""
        return {
            "inner_clip": self.inner_clipped / self.inner_steps.clamp(min=1),
            "query_limit": self.queries_limited / self.queries.clamp(min=1),
        }
