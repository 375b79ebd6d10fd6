"""The search engine of the energy core: exact stages, recall, splits, and tempered chains."""

from dataclasses import dataclass

from esr.random import RandomStreams
from esr.search.chains import Chains
from esr.search.chains import Parts as ChainParts
from esr.search.clock import Clock
from esr.search.engine import Engine, Stages
from esr.search.front import SearchFront
from esr.search.patience import Patience
from esr.search.polish import Polish
from esr.search.recall import Adjunction, Recall, Round
from esr.search.relations import Relations
from esr.search.remainder import predictable_share
from esr.search.splits import Splits
from esr.search.straighten import Straighten

__all__ = ["HopfieldEngine", "Parts"]

_SHARES = {"adjunction": 0.2, "recall": 0.3, "splits": 0.4, "chains": 0.9}
_WITHOUT_PAIRS = tuple(Round(programs, 0, 0, 0, 0) for programs in (4000, 12000, 30000))
_FEW_ROWS, _UNPREDICTABLE = 60, 0.05
_POLISHING = 0.1
"""Share of the time that is kept for the last stage."""


@dataclass(frozen=True)
class Parts:
    """What the search has; each can be left out to see what it is worth.

    Arguments:
        relations: Exact stages: null spaces, power laws and sparse sums.
        recall: Programs and polynomials in them that complete the target.
        memory: Behaviours of small programs to retrieve from, in recall and in the chains.
        curvature: Retrieval by the second-order model of the loss; by its slope alone if not.
        hebbian: Potentials of the chains learn from the best programs.
        pairs: Sums and products of two patterns.
        splits: Problems in fewer variables.
        chains: Tempered replicas.
    """

    relations: bool = True
    recall: bool = True
    memory: bool = True
    curvature: bool = True
    hebbian: bool = True
    pairs: bool = True
    splits: bool = True
    chains: bool = True


class HopfieldEngine:
    """Lowers one energy, misfit + size + rules, by ever more expensive moves.

    Relations that hold exactly are looked for first; then behaviours of small programs are
    retrieved that complete the target; then problems are split into smaller ones, which the
    first two solve; and tempered replicas of programs search with what is left of the time. All
    propose to one front. It ends when an equation is exact, when time is over, or when the best
    equation leaves nothing but noise and has not changed for long. Where rows are few and the
    target looks like noise itself, only relations are looked for.

    Arguments:
        parts: What to leave out.
    """

    def __init__(self, parts: Parts | None = None) -> None:
        self._parts = Parts() if parts is None else parts

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """Search for equations of `front.question`."""
        working = Clock(clock.left * (1 - _POLISHING), Patience(front))
        stages = self._stages()
        if _nothing_to_find(front):
            stages = {name: stage for name, stage in stages.items() if name == "relations"}
        Stages(stages, _SHARES).search(front, working, streams)
        if not front.settled:
            Straighten().search(front, Clock(clock.left), streams)
        Polish().search(front, clock, streams)

    def _stages(self) -> dict[str, Engine]:
        parts = self._parts
        stages: dict[str, Engine] = {}
        if parts.relations:
            stages["relations"] = Relations()
        if parts.memory and parts.recall:
            stages["adjunction"] = Adjunction()
            stages["recall"] = Recall() if parts.pairs else Recall(_WITHOUT_PAIRS)
            stages["straighten"] = Straighten()
        if parts.splits and stages:
            stages["splits"] = Splits(Stages(dict(stages)))
        if parts.chains:
            stages["chains"] = Chains(
                ChainParts(
                    retrieval=parts.memory,
                    curvature=parts.curvature,
                    pairs=parts.pairs and parts.memory,
                    hebbian=parts.hebbian,
                )
            )
        return stages


def _nothing_to_find(front: SearchFront) -> bool:
    """Whether few rows show no sign that the target depends on its variables."""
    rows = front.question.training
    few = len(rows.target) < _FEW_ROWS
    return few and predictable_share(rows.inputs, rows.target) < _UNPREDICTABLE
