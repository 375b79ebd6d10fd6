"""When a search may end although no equation is exact: what is left over looks like noise."""

import time
from collections.abc import Callable

import torch

from esr.finishing import Candidate
from esr.search.front import SearchFront
from esr.search.remainder import predictable_share

__all__ = ["Patience"]

_NOISE = 0.1
"""Predictable share of residuals below which they count as noise."""
_FEW, _NOISE_OF_FEW, _LONGER = 40, 0.3, 2.0
"""Training rows below which noise may look predictable, up to this share, and the wait is longer
by this factor."""
_FEWEST, _ROWS = 10, 400
"""Training rows without which nothing can be said, and rows that are looked at."""


class Patience:
    """Ends a search whose best equation leaves noise and has not changed for long.

    Arguments:
        front: The search's front.
        least: Seconds without a better equation that it always waits, twice that with few rows.
        share: How long it waits, in units of the time until the best equation was found.
        now: Tells the time in seconds.
    """

    def __init__(
        self,
        front: SearchFront,
        least: float = 10.0,
        share: float = 1.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._front, self._least, self._share, self._now = front, least, share, now
        self._began = self._changed = now()
        self._has_few = len(front.question.training.target) < _FEW
        self._best: Candidate | None = None
        self._is_noise = False
        self._judged: Candidate | None = None

    def __call__(self) -> bool:
        """Whether it is enough."""
        now, best = self._now(), self._front.best
        if best != self._best:
            self._best, self._changed = best, now
        wait = max(self._least, self._share * (self._changed - self._began))
        if self._has_few:
            wait *= _LONGER
        if best is None or now - self._changed < wait:
            return False
        if best != self._judged:
            self._judged, self._is_noise = best, self._leaves_noise(best)
        return self._is_noise

    @torch.no_grad()
    def _leaves_noise(self, best: Candidate) -> bool:
        rows = self._front.question.training
        if len(rows.target) < _FEWEST:
            return False
        residuals = rows.target - best.expression.evaluate(rows.columns)
        first = slice(0, _ROWS)
        limit = _NOISE_OF_FEW if self._has_few else _NOISE
        return predictable_share(rows.inputs[first], residuals[first]) < limit
