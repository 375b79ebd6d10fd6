"""Wall-clock time that a search may take, and shares of it."""

import math
import time

__all__ = ["Clock"]


class Clock:
    """Counts down from the moment it is made.

    Arguments:
        seconds: The time allowed, at least 0; infinite for no limit.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self._began, self._seconds = time.monotonic(), seconds

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
        """Whether time is over."""
        return self.left <= 0

    def part(self, share: float, most: float = math.inf) -> "Clock":
        """A clock for a part of what is left.

        Arguments:
            share: Share of the seconds left, from 0 to 1.
            most: Largest number of seconds.
        """
        return Clock(min(max(0.0, share * self.left), most))
