"""The engine: cut a question into parts, have them solved by another engine, join the answers."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from esr.equations import Constant
from esr.errors import ConfigurationError
from esr.random import RandomStreams
from esr.search.clock import Clock
from esr.search.engine import Engine
from esr.search.front import SearchFront
from esr.search.splits.part_front import PartFront, part_front, signature
from esr.search.splits.pool import inner_pool
from esr.search.splits.powers import power_product, power_splits
from esr.search.splits.reduction import Reduction
from esr.search.splits.remainders import remainder_splits
from esr.search.splits.sums import sum_splits
from esr.search.splits.symmetry import symmetric_splits

__all__ = ["SplitSettings", "Splits"]

_FEWEST_ROWS = 16
"""With fewer training rows any column looks like the right one."""


_FIRST = 4
"""Parts of one column that come before those of several."""


@dataclass(frozen=True)
class SplitSettings:
    """How much is tried.

    Arguments:
        single: Parts of one column for each question, at least 0.
        several: Parts of several columns for each question, at least 0.
        remainders: Candidates of the front whose remainders are searched, at least 0.
        depth: How many splits may be nested, at least 1.
        inner_functions: Size of the pool of inner functions, at least 1.
        seconds: The longest time for one part.
        share: The largest share of the time left for one part, above 0 and at most 1.
    Raises:
        ConfigurationError: If a value is out of range.
    """

    single: int = 6
    several: int = 5
    remainders: int = 2
    depth: int = 3
    inner_functions: int = 4000
    seconds: float = 3.0
    share: float = 0.3

    def __post_init__(self) -> None:
        for name, least in (("single", 0), ("several", 0), ("remainders", 0), ("depth", 1)):
            if getattr(self, name) < least:
                value = getattr(self, name)
                raise ConfigurationError(f"{name} must be at least {least}, but is {value}")
        if self.inner_functions < 1 or not self.seconds > 0 or not 0 < self.share <= 1:
            raise ConfigurationError(
                "inner_functions must be at least 1, seconds above 0 and share in (0, 1], but "
                f"are {self.inner_functions}, {self.seconds} and {self.share}"
            )


class Splits:
    r"""Finds columns that the target depends on, so that questions of fewer variables remain.

    In this order: the target may be a product of powers; a product of powers, or a few simple
    terms and a factor, with an unknown function of *one* column; or symmetries may leave a
    question of fewer variables, which is split again. What the front holds so far may also be
    right but for a term or a factor. Each part is searched by the inner engine; its equations
    are joined and proposed to the front with all constants fitted anew, so that a wrong split
    costs time and nothing else.

    Arguments:
        inner: Searches the parts. It is not asked about the whole question.
        settings: How much is tried.
    Source: the idea of reducing a question by its symmetries before searching is from
        S.-M. Udrescu, M. Tegmark (2020), AI Feynman, https://doi.org/10.1126/sciadv.aay2631;
        there a neural network stands in for the function, here differences and a Gaussian
        process do.
    """

    def __init__(self, inner: Engine, settings: SplitSettings | None = None) -> None:
        self.inner = inner
        self.settings = settings if settings is not None else SplitSettings()

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """Split the front's question, and search the parts."""
        search = _Search(self.inner, self.settings, streams)
        search.split(front, clock, self.settings.depth)
        if not _ended(front, clock):
            remainders = remainder_splits(front, self.settings.remainders)
            search.parts(remainders, front, clock, "remainder", 1)


class _Search:
    """One search, which tries no part twice.

    Arguments:
        inner: Searches the parts.
        settings: How much is tried.
        streams: Where draws come from.
    """

    def __init__(self, inner: Engine, settings: SplitSettings, streams: RandomStreams) -> None:
        self._inner, self._settings, self._streams = inner, settings, streams
        self._tried: set[str] = set()

    def split(self, front: SearchFront, clock: Clock, depth: int) -> None:
        """Split a question of at least two variables.

        Arguments:
            front: Of the question.
            clock: The time allowed.
            depth: How many splits may be nested from here on.
        """
        question, settings = front.question, self._settings
        if len(question.variables) < 2 or len(question.training.target) < _FEWEST_ROWS:
            return
        product = power_product(question)
        if product is not None:
            front.propose(product, "powers")
        single = self._single(front)
        if not _ended(front, clock):
            self.parts(itertools.islice(single, _FIRST), front, clock, "split", depth)
        if not _ended(front, clock) and settings.several:
            several = symmetric_splits(question, settings.several)
            self.parts(several, front, clock, "symmetry", depth)
        if not _ended(front, clock):
            self.parts(single, front, clock, "split", depth)

    def parts(
        self,
        reductions: Iterable[Reduction],
        front: SearchFront,
        clock: Clock,
        source: str,
        depth: int,
    ) -> None:
        """Search the part that each reduction leaves, and split it again if it is large.

        Arguments:
            reductions: Of the front's question, the most promising first.
            front: Where joined equations are proposed.
            clock: The time allowed.
            source: Which part of the search proposes them.
            depth: How many splits may be nested from here on.
        """
        for reduction in reductions:
            if _ended(front, clock):
                return
            key = signature(reduction, front)
            if key in self._tried:
                continue
            self._tried.add(key)
            part = part_front(reduction, front, source)
            if part is None:
                continue
            time = clock.part(self._settings.share, self._settings.seconds)
            self._answer(part, time)
            if depth > 1 and part.exact is None:
                self.split(part, clock.part(self._settings.share), depth - 1)

    def _single(self, front: SearchFront) -> Iterator[Reduction]:
        """Parts of one column: the best two powers at once, then all by their length."""
        question, most = front.question, self._settings.single
        if most == 0:
            return
        pool = inner_pool(question.training, question.primitives, self._settings.inner_functions)
        if not pool.inner:
            return
        powers = power_splits(question, pool, most)
        yield from powers[:2]
        both = [*powers[2:], *sum_splits(question, pool, most)]
        both.sort(key=lambda reduction: reduction.length)
        yield from itertools.islice(both, most)

    def _answer(self, part: PartFront, clock: Clock) -> None:
        """Nothing, a constant, and anything else by the inner engine."""
        part.propose(Constant(0.0), "nothing", refit=False)
        part.propose(Constant(1.0), "constant")
        if part.exact is None:
            self._inner.search(part, clock, self._streams)


def _ended(front: SearchFront, clock: Clock) -> bool:
    return front.settled or clock.expired
