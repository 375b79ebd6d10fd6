"""Wall-clock time that a search may take, and shares of it."""

import math
import time
from collections.abc import Callable

__all__ = ["Clock"]


class Clock:
    """Counts down from the moment it is made.

    Arguments:
        seconds: The time allowed, at least 0; infinite for no limit.
        enough: Asked whether to end before time is over; it must answer at once.
    """

    def __init__(
        self, seconds: float = math.inf, enough: Callable[[], bool] | None = None
    ) -> None:
        self._began, self._seconds, self._enough = time.monotonic(), seconds, enough

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds that remain, negative when time is over."""
        return self._seconds - self.spent

    @property
    def expired(self) -> bool:
        """Whether time is over, or it is enough."""
        return self.left <= 0 or (self._enough is not None and self._enough())

    def part(self, share: float, most: float = math.inf) -> "Clock":
        """A clock for a part of what is left, which ends early for the same reason.

        Arguments:
            share: Share of the seconds left, from 0 to 1.
            most: Largest number of seconds.
        """
        return Clock(min(max(0.0, share * self.left), most), self._enough)
