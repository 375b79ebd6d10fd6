"""What a search found, when, and which part of it found it."""

from collections.abc import Callable
from dataclasses import dataclass

from esr.finishing import Candidate
from esr.search import Clock, Question, SearchFront

__all__ = ["Discoveries", "Discovery"]


@dataclass(frozen=True)
class Discovery:
    """A candidate that entered the front.

    Arguments:
        candidate: The equation and its errors.
        source: The part of the search that proposed it.
        seconds: Time since the search began.
    """

    candidate: Candidate
    source: str
    seconds: float


class Discoveries:
    """The front of a search, and the history of what entered it.

    The search begins when this is made, or when `begin` says so.

    Arguments:
        question: What is asked.
    """

    def __init__(self, question: Question) -> None:
        self.history: list[Discovery] = []
        self.front = SearchFront(question, self._hear)
        self._counted: dict[str, int] = {}
        self.begin()

    def begin(
        self, told: Callable[[Discovery], object] | None = None, before: float = 0.0
    ) -> None:
        """Let time run from now.

        Arguments:
            told: Hears of each discovery as it is made.
            before: Seconds that the search has taken already, in another process.
        """
        self._told, self._before, self._clock = told, before, Clock()

    @property
    def seconds(self) -> float:
        """Time since the search began."""
        return self._before + self._clock.spent

    def seconds_of(self, candidate: Candidate) -> float:
        """When a candidate entered the front; the present time if it never did, as one that is
        best by its description alone."""
        times = [found.seconds for found in self.history if found.candidate == candidate]
        return min(times, default=self.seconds)

    def details(self) -> dict[str, float]:
        """Numbers worth keeping: proposals, and for each source how many of its proposals entered
        the front, and when the last one did."""
        details = {"proposals": float(self.front.proposals)}
        for found in self.history:
            details[f"accepted_{found.source}"] = float(self.front.accepted[found.source])
            details[f"seconds_{found.source}"] = round(found.seconds, 3)
        return details

    def _hear(self, candidate: Candidate) -> None:
        """Note a candidate; the front has counted it under its source just before."""
        counts = self.front.accepted
        source = next(name for name in counts if counts[name] != self._counted.get(name, 0))
        self._counted = dict(counts)
        found = Discovery(candidate, source, self.seconds)
        self.history.append(found)
        if self._told is not None:
            self._told(found)
