"""The nodes of one expression tree by their numbers in prefix order, and how they stand."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

__all__ = ["RELATIONS", "Tree"]


class Tree:
    """A tree that rules are asked about.

    Arguments:
        shape: Symbol and number of arguments of each node, in prefix order; a node may lack
            arguments at the end, as where a symbol is looked at alone.
    """

    def __init__(self, shape: Sequence[tuple[str, int]]) -> None:
        self.symbols = [symbol for symbol, _ in shape]
        self._arities = [arity for _, arity in shape]
        self.present = frozenset(self.symbols)

    def __len__(self) -> int:
        return len(self.symbols)

    def at(self, number: object) -> str | None:
        """The symbol of a node by its number; None if there is no such node."""
        if not isinstance(number, (int, float)) or not 0 <= number < len(self.symbols):
            return None
        return self.symbols[int(number)] if number == int(number) else None

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How often each symbol that occurs does."""
        return Counter(self.symbols)

    @cached_property
    def ends(self) -> list[int]:
        """For each node the number of the first node behind the part that begins there."""
        size = len(self.symbols)
        ends = [0] * size
        waiting: list[int] = []  # ends of finished parts, the nearest last
        for node in range(size - 1, -1, -1):
            arguments = min(self._arities[node], len(waiting))
            ends[node] = waiting[-arguments] if arguments else node + 1
            del waiting[len(waiting) - arguments :]
            waiting.append(ends[node])
        return ends

    @cached_property
    def children(self) -> list[list[int]]:
        """The arguments of each node."""
        found: list[list[int]] = []
        for node, end in enumerate(self.ends):
            below, child = [], node + 1
            while child < end:
                below.append(child)
                child = self.ends[child]
            found.append(below)
        return found

    @cached_property
    def following(self) -> list[tuple[int, ...]]:
        """The arguments that follow each node below the same node."""
        found: list[tuple[int, ...]] = [()] * len(self.symbols)
        for below in self.children:
            for place, child in enumerate(below):
                found[child] = tuple(below[place + 1 :])
        return found

    @cached_property
    def depths(self) -> list[int]:
        """Nodes on the way from the root to each node, both counted."""
        depths = [1] * len(self.symbols)
        for node, below in enumerate(self.children):
            for child in below:
                depths[child] = depths[node] + 1
        return depths


def _child(tree: Tree, node: int) -> Iterable[int]:
    return tree.children[node]


def _inside(tree: Tree, node: int) -> Iterable[int]:
    return range(node + 1, tree.ends[node])


def _first(tree: Tree, node: int) -> Iterable[int]:
    below = tree.children[node]
    return range(below[0], tree.ends[below[0]]) if below else ()


def _second(tree: Tree, node: int) -> Iterable[int]:
    below = tree.children[node]
    return range(below[1], tree.ends[below[1]]) if len(below) > 1 else ()


def _beside(tree: Tree, node: int) -> Iterable[int]:
    return tree.following[node]


def _depth(tree: Tree, node: int) -> Iterable[int]:
    return (tree.depths[node],)


def _extent(tree: Tree, node: int) -> Iterable[int]:
    return (tree.ends[node] - node,)


RELATIONS: Mapping[str, Callable[[Tree, int], Iterable[int]]] = {
    "child": _child,
    "inside": _inside,
    "first": _first,
    "second": _second,
    "beside": _beside,
    "depth": _depth,
    "extent": _extent,
}
"""The inputs of `standard:equation`: the values in the second column beside a node."""
