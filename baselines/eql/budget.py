"""A budget of wall-clock time, shared by training and finishing."""

import time

from esr.models import Batch, EnergyModel
from esr.training import Report

__all__ = ["Budget", "OutOfTime"]

_TRAINING_SHARE, _RESERVE = 0.6, 0.06


class OutOfTime(Exception):  # noqa: N818 - it says what happened, like KeyboardInterrupt
    """Training has used up its share of the budget."""


class Budget:
    """Training callback that ends training in time for finishing.

    Arguments:
        seconds: The whole budget, above 0; it runs from now.
    """

    def __init__(self, seconds: float) -> None:
        self._began, self._seconds = time.monotonic(), seconds
        self._deadline = seconds

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def remaining(self) -> float:
        """Seconds left before the last few are needed to conclude; negative beyond that."""
        return (1 - _RESERVE) * self._seconds - self.spent

    def allows_another(self, rounds: int) -> bool:
        """Whether there is time for another round as long as those so far were on average."""
        return self.remaining > self.spent / rounds

    def started(self, total_steps: int, step: int) -> None:
        """A round begins: its training may take a share of what is left."""
        self._deadline = self.spent + _TRAINING_SHARE * self.remaining

    def reported(self, report: Report, model: EnergyModel[Batch]) -> None:
        """Stop when training's share is over."""
        if self.spent > self._deadline:
            raise OutOfTime

    def finished(self, interrupted: bool) -> None:
        """Nothing to do."""
