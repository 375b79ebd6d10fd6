"""What a search engine is, and engines one after another."""

from collections.abc import Mapping
from typing import Protocol

from esr.random import RandomStreams
from esr.search.clock import Clock
from esr.search.front import SearchFront

__all__ = ["Engine", "Stages"]


class Engine(Protocol):
    """Proposes equations to a front until time is over or it has no more to try.

    An engine keeps nothing between searches. It looks at the clock at least a few times a second,
    ends early when `front.settled`, and draws from `streams` alone. Ctrl-C may end it
    anywhere; what was proposed stays.
    """

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """Search for equations of `front.question`.

        Arguments:
            front: Where equations are proposed.
            clock: The time allowed.
            streams: Where draws come from.
        """
        ...


class Stages:
    """Engines one after another, the cheap ones first, until the front is settled.

    Arguments:
        engines: By name, in order.
        shares: Share of the time left that an engine may use, by name; 1 if not named.
    """

    def __init__(
        self, engines: Mapping[str, Engine], shares: Mapping[str, float] | None = None
    ) -> None:
        self.engines, self.shares = dict(engines), dict(shares or {})

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """Let each engine search in turn."""
        for name, engine in self.engines.items():
            if front.settled or clock.expired:
                return
            engine.search(front, clock.part(self.shares.get(name, 1.0)), streams)
