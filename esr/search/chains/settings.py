"""What the chains do, and how much of it."""

from dataclasses import dataclass

__all__ = ["Parts", "Settings"]


@dataclass(frozen=True)
class Parts:
    """Which parts of the search are there, for ablations.

    Arguments:
        retrieval: Patterns of the memory at a slot.
        curvature: Retrieval by the quadratic model of the loss; by its slope alone if not.
        pairs: Sums and products of two patterns at a slot.
        hebbian: Potentials learn from elites.
        refit: Levenberg-Marquardt over constants.
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
    """Sizes of the search.

    Arguments:
        ladders: Chains of temperatures.
        rungs: Temperatures of each, at least 2.
        depth: Levels of the heap, at least 2.
        rows: Most rows that energies are computed on; the front judges by all.
        patterns: Programs in the memory.
        coldest: Lowest temperature, nats per row.
        hottest: Highest temperature.
    """

    ladders: int = 0
    rungs: int = 24
    depth: int = 7
    rows: int = 64
    patterns: int = 6000
    coldest: float = 0.02
    hottest: float = 0.5
    patience: int = 200
