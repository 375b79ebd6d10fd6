"""Ending hopeless replicas early, so that what they would have cost goes to fresh ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import ConfigurationError

__all__ = ["Restarts", "Rungs"]


@dataclass(frozen=True)
class Restarts:
    """When a replica starts afresh: if at a share of its schedule most others were better there.

    Its energy in that step (data misfit plus its own structure factor times structure) joins the
    record of that share. If it is worse than the best `keep` share of all energies ever recorded
    there, and a whole schedule at its pace fits into the steps that remain, it starts afresh.

    Arguments:
        at: The shares of a replica's schedule at which it is judged, increasing, in (0, 1).
        keep: The share of replicas that go on, in (0, 1].
        schedules: How long training lasts at most, in schedules of the slowest replica, at
            least 1; it ends early once every replica has completed its own.
    Raises:
        ConfigurationError: If a value is out of range.
    Source: asynchronous successive halving, Li et al. (2018), https://arxiv.org/abs/1810.05934,
        algorithm 2. Deviations: a replica below the line is replaced at once, where the source
        leaves it waiting; one above it goes on at once, even if later ones are better.
    """

    at: Sequence[float] = (0.5,)
    keep: float = 0.5
    schedules: float = 2.0

    def __post_init__(self) -> None:
        given = [] if isinstance(self.at, (int, float, str)) else list(self.at)
        inside = bool(given) and all(0 < share < 1 for share in given)
        if not inside or sorted(set(given)) != given:
            raise ConfigurationError(
                f"the shares `at` must be numbers in (0, 1), increasing, but are {self.at!r}"
            )
        if not 0 < self.keep <= 1:
            raise ConfigurationError(f"the share to keep must be in (0, 1], but is {self.keep}")
        if not (self.schedules >= 1 and math.isfinite(self.schedules)):
            raise ConfigurationError(
                f"restarts need at least 1 schedule of steps, but have {self.schedules}"
            )


class Rungs:
    """The places in the schedule where replicas are judged, and the energies recorded there.

    Arguments:
        restarts: The shares and how many to keep.
        lengths: Steps of each replica's schedule, `(R,)`.
    """

    def __init__(self, restarts: Restarts, lengths: Tensor) -> None:
        shares = torch.tensor(list(restarts.at), dtype=torch.float64)[:, None]
        steps = (shares * lengths).ceil().long()  # (rungs, R)
        self.keep, self._places = restarts.keep, torch.minimum(steps, lengths - 1)
        self.records = [torch.zeros(0, dtype=torch.float64) for _ in restarts.at]

    def reached(self, clock: Tensor) -> bool:
        """Whether a replica whose own steps are `clock`, `(R,)`, is at a rung."""
        return bool((self._places == clock).any())

    def judge(self, clock: Tensor, energies: Tensor) -> Tensor:
        """Record the energies of the replicas that are at a rung, and say which are hopeless.

        Arguments:
            clock: Own steps of each replica before the step, `(R,)`; -1 for none to be judged.
            energies: Its energies in the step, `(R,)`, in double precision.
        Returns:
            Whether a replica is worse than the best share, bool `(R,)`.
        """
        energies = torch.where(energies.isfinite(), energies, torch.inf)
        hopeless = torch.zeros_like(clock, dtype=torch.bool)
        for index, places in enumerate(self._places):
            here = places == clock
            if bool(here.any()):
                record = torch.cat([self.records[index], energies[here]]).sort().values
                kept = max(1, math.ceil(self.keep * len(record) - 1e-9))
                self.records[index] = record
                hopeless |= here & ((energies > record[kept - 1]) | energies.isinf())
        return hopeless
