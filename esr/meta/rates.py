"""Inner step sizes of a model's replicas, fixed or learnt."""

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn

from esr.errors import ConfigurationError
from esr.models import FunctionModel, ReplicaModule

__all__ = ["InnerRates"]


class InnerRates(ReplicaModule):
    """Step sizes with which copies of a model adapt; learnt ones as logarithms.

    Arguments:
        model: Whose parameters they are for.
        rate: The step size, positive; where learnt, the one to start from.
        learnt: Whether they are parameters.
        each_weight: Whether each weight has its own, as in Meta-SGD; else a replica has one.
    Raises:
        ConfigurationError: If the rate is not positive.
    Source: Li et al. (2017), https://arxiv.org/abs/1707.09835.
    """

    log_rate: Tensor

    def __init__(
        self, model: FunctionModel, rate: float, *, learnt: bool = False, each_weight: bool = False
    ) -> None:
        if not 0 < rate < math.inf:
            raise ConfigurationError(f"an inner step size must be positive, but is {rate}")
        super().__init__()
        self.rate = rate
        self._shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
        like = next(model.parameters()).detach()
        widths = [shape[1:].numel() for shape in self._shapes.values()]
        self._widths = widths if each_weight else []
        log_rate = like.new_full((model.replicas, sum(self._widths) or 1), math.log(rate))
        if learnt:
            self.log_rate = nn.Parameter(log_rate)
        else:
            self.register_buffer("log_rate", log_rate)

    def of_copies(self, count: int, names: Sequence[str] = ()) -> dict[str, Tensor]:
        """Step sizes of the named parameters, or of all if none is named.

        Arguments:
            count: Number of copies K of each replica.
        Returns:
            For each parameter `(R K, *)`, or `(R K, 1, ...)` where a replica has but one.
        """
        rates = self.log_rate.exp().repeat_interleave(count, 0)  # (R K, W) or (R K, 1)
        parts = (
            torch.split(rates, self._widths, 1) if self._widths else [rates] * len(self._shapes)
        )
        return {
            name: part.view(-1, *(shape[1:] if self._widths else (1,) * (len(shape) - 1)))
            for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)
            if not names or name in names
        }

    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Start the replicas where `which`, bool `(R,)`, is true from the first rate again."""
        with torch.no_grad():
            self.log_rate[which] = math.log(self.rate)
