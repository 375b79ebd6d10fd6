"""What the chains do, and how much of it."""

from dataclasses import dataclass

from esr.errors import ConfigurationError

__all__ = ["Parts", "Settings"]


@dataclass(frozen=True)
class Parts:
    """Which parts of the search are there, for ablations.

    Arguments:
        retrieval: Patterns of the memory are put at slots.
        curvature: Retrieval by the quadratic model of the loss; by its slope alone if not.
        pairs: Sums and products of two patterns are put at slots.
        hebbian: The potentials of the edges learn from elites.
        refit: Constants are refitted by Levenberg-Marquardt.
        exchange: Neighbouring temperatures exchange their states.
        growth: Good parts of elites join the memory.
        transforms: Some chains aim at functions of the target.
    """

    retrieval: bool = True
    curvature: bool = True
    pairs: bool = True
    hebbian: bool = True
    refit: bool = True
    exchange: bool = True
    growth: bool = True
    transforms: bool = True


@dataclass(frozen=True)
class Settings:
    """Sizes and temperatures of the search.

    Arguments:
        values: About how many numbers the outputs of all chains are together; fewer rows make
            room for more chains.
        most: Most chains.
        rungs: Temperatures of a ladder, at least 2.
        depth: Levels of the heap, at least 3.
        rows: Most rows that energies are computed on; the front judges by all.
        patterns: Programs in the memory.
        coldest: Lowest temperature, in nats per row, above 0.
        hottest: Highest temperature, not below the lowest.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    values: int = 50_000
    most: int = 960
    rungs: int = 24
    depth: int = 7
    rows: int = 64
    patterns: int = 6000
    coldest: float = 0.02
    hottest: float = 0.5

    def __post_init__(self) -> None:
        least = {"values": 1, "most": 1, "rungs": 2, "depth": 3, "rows": 2, "patterns": 1}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigurationError(
                    f"{name} must be at least {low}, but is {getattr(self, name)}"
                )
        if not 0 < self.coldest <= self.hottest:
            raise ConfigurationError(
                "temperatures must be positive and coldest not above hottest, but are "
                f"{self.coldest} and {self.hottest}"
            )

    def ladders(self, rows: int) -> int:
        """How many ladders there are for so many rows; at least 4."""
        return max(4, min(self.values // max(1, rows), self.most) // self.rungs)
