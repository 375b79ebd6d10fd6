"""Forests of slots: roots, parents and depths, and the edges of each depth together."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import ConfigurationError

__all__ = ["Level", "RootedForest"]


@dataclass(frozen=True)
class Level:
    """The slots of one depth, and the edge from each to its parent.

    Arguments:
        slots: The slots, integers `(n,)`.
        parents: Where each slot's parent stands among the slots of the level above, `(n,)`;
            empty at the roots.
        edges: Which edge leads to the parent, `(n,)`; empty at the roots.
        forward: Whether that edge was given as (parent, child), `(n,)`; empty at the roots.
    """

    slots: Tensor
    parents: Tensor
    edges: Tensor
    forward: Tensor


class RootedForest:
    """Slots joined by edges without a cycle: chains, trees, lone slots, any number of each.

    Each tree hangs from its slot of lowest number, unless `roots` names another. All slots of
    one depth are treated together, so that a heap tree of G slots takes log2 G steps and a chain
    of G slots takes G.

    Arguments:
        slots: Number of slots, at least one.
        edges: Slots that each edge joins, integers `(E, 2)`.
        roots: Slots that their trees shall hang from.
    Raises:
        ConfigurationError: If an edge leaves the slots, joins a slot with itself or is given
            twice, if edges close a cycle, or if two roots are in one tree.
    """

    def __init__(self, slots: int, edges: Tensor, roots: Sequence[int] = ()) -> None:
        if slots < 1:
            raise ConfigurationError(f"a forest needs at least one slot, but has {slots}")
        if edges.dim() != 2 or edges.shape[1] != 2:
            raise ConfigurationError(f"edges must be (E, 2), but are {tuple(edges.shape)}")
        self.slots, self.edges = slots, edges
        pairs = [(int(one), int(other)) for one, other in edges.tolist()]
        _check(slots, pairs)
        for root in roots:
            if not 0 <= root < slots:
                raise ConfigurationError(f"roots are slots 0 to {slots - 1}, but {root} is given")
        self.levels = self._hang(pairs, roots)

    @classmethod
    def chain(cls, slots: int, device: torch.device | str | None = None) -> "RootedForest":
        """Slots in a row, edges (0, 1), (1, 2), ... ."""
        first = torch.arange(slots - 1, device=device)
        return cls(slots, torch.stack([first, first + 1], 1))

    @classmethod
    def heap(cls, slots: int, device: torch.device | str | None = None) -> "RootedForest":
        """A binary tree in which the children of slot i are 2i+1 and 2i+2."""
        child = torch.arange(1, slots, device=device)
        return cls(slots, torch.stack([(child - 1) // 2, child], 1))

    def _hang(self, pairs: list[tuple[int, int]], roots: Sequence[int]) -> tuple[Level, ...]:
        """The levels from the roots down, breadth first."""
        neighbours: list[list[tuple[int, int]]] = [[] for _ in range(self.slots)]
        for edge, (one, other) in enumerate(pairs):
            neighbours[one].append((other, edge))
            neighbours[other].append((one, edge))
        depth = [-1] * self.slots
        rows: list[list[tuple[int, int, int]]] = []  # slot, parent, edge
        for start in (*roots, *range(self.slots)):
            if depth[start] >= 0:
                if start in roots and depth[start] > 0:
                    raise ConfigurationError(f"root {start} hangs below another root")
                continue
            depth[start] = 0
            queue = [(start, -1, -1)]
            for slot, parent, edge in queue:  # grows as it is walked
                if depth[slot] == len(rows):
                    rows.append([])
                rows[depth[slot]].append((slot, parent, edge))
                for other, through in neighbours[slot]:
                    if through != edge:
                        depth[other] = depth[slot] + 1
                        queue.append((other, slot, through))
        place = {slot: at for row in rows for at, (slot, _, _) in enumerate(row)}
        return tuple(self._level(row, place, pairs) for row in rows)

    def _level(
        self, row: list[tuple[int, int, int]], place: dict[int, int], pairs: list[tuple[int, int]]
    ) -> Level:
        below = [(parent, edge) for _, parent, edge in row if edge >= 0]
        device = self.edges.device
        return Level(
            torch.tensor([slot for slot, _, _ in row], device=device),
            torch.tensor([place[parent] for parent, _ in below], device=device, dtype=torch.long),
            torch.tensor([edge for _, edge in below], device=device, dtype=torch.long),
            torch.tensor(
                [pairs[edge][0] == parent for parent, edge in below],
                device=device,
                dtype=torch.bool,
            ),
        )


def _check(slots: int, pairs: list[tuple[int, int]]) -> None:
    """Refuse edges that make no forest, by joining trees edge by edge."""
    tree = list(range(slots))  # towards the representative of each slot's tree
    kept: list[tuple[int, int]] = []

    def top(slot: int) -> int:
        while tree[slot] != slot:
            tree[slot] = tree[tree[slot]]
            slot = tree[slot]
        return slot

    for one, other in pairs:
        if not (0 <= one < slots and 0 <= other < slots) or one == other:
            raise ConfigurationError(
                f"edges join two different slots of 0 to {slots - 1}, but {one}-{other} is given"
            )
        if (one, other) in kept or (other, one) in kept:
            raise ConfigurationError(f"edge {one}-{other} is given twice; add the couplings up")
        if top(one) == top(other):
            cycle = ", ".join(f"{a}-{b}" for a, b in [*_path(kept, one, other), (other, one)])
            raise ConfigurationError(
                f"the edges {cycle} close a cycle, but a forest has none; sample loopy networks "
                "by Gibbs steps instead"
            )
        tree[top(one)] = top(other)
        kept.append((one, other))


def _path(pairs: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """The steps that lead from one slot to another through a forest that joins them."""
    came: dict[int, int] = {start: start}
    queue = [start]
    for slot in queue:  # grows as it is walked
        for one, other in pairs:
            for here, there in ((one, other), (other, one)):
                if here == slot and there not in came:
                    came[there] = slot
                    queue.append(there)
    steps = []
    while end != start:
        steps.append((came[end], end))
        end = came[end]
    return steps[::-1]
