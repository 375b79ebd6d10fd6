"""Rules compiled for trees: which nodes are tried, and what they must be."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from esr.search.expression_rules.conditions import Function, Value
from esr.search.expression_rules.tree import Tree

__all__ = ["Check", "Count", "Pattern", "Places", "Search", "Stage"]

Variables = list[Value]
Places = Callable[[Tree, Variables], Iterable[Value]]
"""What a variable runs over, given the tree and the variables before it."""

Check = Callable[[Tree, Variables], bool]
"""Whether an instance may go on; it may bind the variable of a symbol."""


@dataclass(frozen=True)
class Stage:
    """One variable that is tried.

    Arguments:
        place: Of the variable in an instance.
        values: What it runs over.
        checks: What is asked as soon as it is bound.
        fixed: Whether it runs over the same values in every tree.
    """

    place: int
    values: Places
    checks: tuple[Check, ...]
    fixed: bool


@dataclass(frozen=True)
class Search:
    """All instances of a rule in a tree.

    Arguments:
        checks: What is asked before any variable is bound.
        stages: The variables that are tried, in order.
        size: Number of all variables.
    """

    checks: tuple[Check, ...]
    stages: tuple[Stage, ...]
    size: int

    def instances(self, tree: Tree) -> Iterator[Sequence[Value]]:
        """The variables of each instance that passes all checks; valid until the next."""
        variables: Variables = [0] * self.size
        if all(check(tree, variables) for check in self.checks):
            yield from self._bound(0, tree, variables)

    def _bound(self, stage: int, tree: Tree, variables: Variables) -> Iterator[Sequence[Value]]:
        if stage == len(self.stages):
            yield variables
            return
        here = self.stages[stage]
        for value in here.values(tree, variables):
            variables[here.place] = value
            for check in here.checks:
                if not check(tree, variables):
                    break
            else:
                yield from self._bound(stage + 1, tree, variables)


@dataclass(frozen=True)
class Pattern:
    """A rule about trees; a tree breaks it by an instance.

    Arguments:
        name: Of the rule.
        line: Its line in the text.
        search: Its instances; of a count, those that are counted for.
        needs: A tree without a symbol of each of these sets keeps the rule.
        lasting: Whether a part that breaks the rule breaks it in any whole.
        bans: Whether a symbol that breaks the rule alone breaks it wherever it stands.
        count: What an instance must break as well, of counts.
    """

    name: str
    line: int
    search: Search
    needs: tuple[frozenset[str], ...]
    lasting: bool
    bans: bool
    count: "Count | None" = None

    def broken(self, tree: Tree) -> bool:
        """Whether a tree breaks the rule."""
        for symbols in self.needs:
            if symbols.isdisjoint(tree.present):
                return False
        count = self.count
        for variables in self.search.instances(tree):
            if count is None or count.broken(tree, variables):
                return True
        return False


@dataclass(frozen=True)
class Count:
    """How many nodes hold one of some symbols, and how many may.

    Arguments:
        most: Whether the bound is an upper one.
        bound: At least 0.
        symbols: The symbols that count: a set, the value of a variable, or None for all.
        nodes: The nodes that count likewise.
    """

    most: bool
    bound: int
    symbols: frozenset[str] | Function | None
    nodes: frozenset[int] | Function | None

    def broken(self, tree: Tree, variables: Sequence[Value]) -> bool:
        """Whether an instance has too many or too few."""
        if self.nodes is None and callable(self.symbols):
            found = tree.counts.get(self.symbols(variables), 0)  # type: ignore[arg-type]
            return found > self.bound if self.most else found < self.bound
        symbols = self.counted(variables)
        if self.nodes is None:
            if symbols is None:
                found = len(tree)
            else:
                found = sum(tree.counts.get(symbol, 0) for symbol in symbols)
        else:
            if callable(self.nodes):
                node = self.nodes(variables)
                if node not in range(len(tree)):
                    return False
                nodes: Iterable[Value] = (node,)
            else:
                nodes = self.nodes & set(range(len(tree)))
            found = sum(symbols is None or tree.symbols[int(n)] in symbols for n in nodes)
        return found > self.bound if self.most else found < self.bound

    def counted(self, variables: Sequence[Value]) -> frozenset[str] | None:
        """The symbols that count in an instance; None for all."""
        if not callable(self.symbols):
            return self.symbols
        return frozenset((str(self.symbols(variables)),))
