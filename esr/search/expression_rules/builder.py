"""Rules of the language to patterns of trees."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from esr.rules.counting import bound_of, is_set
from esr.rules.header import conjuncts
from esr.rules.symbols import domains
from esr.rules.tree import CountLine, Expression, Name, RuleLine, Symbol, names_in
from esr.rules.values import Values
from esr.search.expression_rules.conditions import Conditions, Function, Value
from esr.search.expression_rules.lasting import is_lasting
from esr.search.expression_rules.pattern import Check, Count, Pattern, Places, Search, Stage
from esr.search.expression_rules.tree import RELATIONS, Tree

__all__ = ["is_every_node", "pattern_of"]


def pattern_of(
    name: str, rule: RuleLine | CountLine, values: Values, moving: frozenset[str]
) -> Pattern:
    """A rule compiled for trees: for those of any size if it names nothing that depends on it.

    Arguments:
        name: Of the rule.
        rule: Forbids something or counts.
        values: Parameters, sets and axes.
        moving: Names of parameters and sets that depend on the number of nodes.
    Raises:
        EvaluationError: If a value cannot be computed.
    """
    return _Builder(rule, values).pattern(name, is_lasting(rule, moving))


def is_every_node(domain: Expression | None) -> bool:
    """Whether a set is the axis of the nodes itself."""
    return isinstance(domain, Name) and domain.name == "node"


class _Builder:
    """Orders what is tried and asked: nodes first, their symbols read off the tree.

    Arguments:
        rule: Forbids something or counts.
        values: Parameters, sets and axes.
    """

    def __init__(self, rule: RuleLine | CountLine, values: Values) -> None:
        self._rule, self._values = rule, values
        cells = rule.cells if isinstance(rule, RuleLine) else ()
        self._cells = [(cell.indices[0], cell.indices[1]) for cell in cells]
        self._domains = domains(rule.binders, values)
        self._stage: dict[str, int] = {}  # after which each variable is bound, counted from 1
        self._places: dict[str, int] = {}
        self._tried: list[tuple[int, Places, bool]] = []
        self._nodes: set[str] = set()  # variables that are nodes of the tree
        self._size = 0
        self._read = {s.name: None for _, s in self._cells if isinstance(s, Name)}
        for binder in rule.binders:
            if binder.rows:
                self._rows(binder.names, next(iter(names_in(binder.domain))))
                continue
            for variable in binder.names:
                if is_every_node(binder.domain):
                    self._nodes.add(variable)
                    self._try(variable, _every_node)
                elif variable not in self._read:
                    members = self._domains[variable]
                    self._try(variable, partial(_members, members), fixed=True)
        self._checks: list[list[Check]] = [[] for _ in range(len(self._tried) + 1)]
        for variable in self._read:
            self._place(variable)
        self._conditions = Conditions(values, self._places, self._domains)

    def pattern(self, name: str, lasting: bool) -> Pattern:
        """The rule compiled.

        Raises:
            EvaluationError: If a value cannot be computed.
        """
        rule = self._rule
        for variable in self._read:
            self._read_symbol(variable)
        for node, symbol in self._cells:
            self._compare(node, symbol)
        for part in conjuncts(rule.condition):
            self._ask(names_in(part), _holds(self._conditions.truth(part)))
        stages = tuple(
            Stage(place, of_place, tuple(checks), fixed)
            for (place, of_place, fixed), checks in zip(self._tried, self._checks[1:], strict=True)
        )
        search = Search(tuple(self._checks[0]), stages, self._size)
        needs = tuple(self._possible(symbol) for _, symbol in self._cells)
        counted = any(names_in(binder.domain) == {"extent"} for binder in rule.binders)
        count = self._count(rule) if isinstance(rule, CountLine) else None
        return Pattern(name, rule.at.line, search, needs, lasting, lasting and not counted, count)

    def _rows(self, names: Sequence[str], relation: str) -> None:
        """A node, and what stands beside it in a relation."""
        above = self._try(names[0], _every_node)
        self._try(names[1], partial(_related, RELATIONS[relation], above))
        self._nodes.add(names[0])
        if relation not in ("depth", "extent"):
            self._nodes.add(names[1])

    def _try(self, name: str, values: Places, *, fixed: bool = False) -> int:
        """One more variable that is tried; `_` has a place without a name."""
        place = self._place(name)
        self._tried.append((place, values, fixed))
        if name != "_":
            self._stage[name] = len(self._tried)
        return place

    def _place(self, name: str) -> int:
        place, self._size = self._size, self._size + 1
        if name != "_":
            self._places[name] = place
        return place

    def _when(self, names: Iterable[str]) -> int:
        """The stage after which all these variables are bound."""
        return max((self._stage.get(name, 0) for name in names), default=0)

    def _ask(self, names: Iterable[str], check: Check) -> None:
        """One more check, as soon as these variables are bound."""
        self._checks[self._when(names)].append(check)

    def _possible(self, symbol: Expression) -> frozenset[str]:
        """The symbols that a cell may ask for."""
        if isinstance(symbol, Symbol):
            return frozenset((symbol.text,))
        return frozenset(str(v) for n in names_in(symbol) for v in self._domains[n])

    def _read_symbol(self, variable: str) -> None:
        """Bind the variable of a symbol by the node of its cells that is known first."""
        nodes = [n for n, s in self._cells if isinstance(s, Name) and s.name == variable]
        node = min(nodes, key=lambda n: self._when(names_in(n)))
        members = frozenset(str(value) for value in self._domains[variable])
        check = _reads(self._node(node), self._places[variable], members)
        self._ask(names_in(node), check)
        self._stage[variable] = self._when(names_in(node))

    def _compare(self, node: Expression, symbol: Expression) -> None:
        """What a cell says of its node's symbol."""
        wanted = self._conditions.number(symbol)
        if isinstance(symbol, Symbol):
            self._ask(names_in(node), _stands(self._node(node), symbol.text))
        else:
            self._ask(names_in(node) | names_in(symbol), _agrees(self._node(node), wanted))

    def _node(self, node: Expression) -> Callable[[Tree, Sequence[Value]], str | None]:
        """The symbol at a node; None beyond the tree."""
        if isinstance(node, Name) and node.name in self._nodes:
            place = self._places[node.name]
            return lambda tree, variables: tree.symbols[variables[place]]  # type: ignore[index]
        number = self._conditions.number(node)
        return lambda tree, variables: tree.at(number(variables))

    def _count(self, line: CountLine) -> Count:
        """What is counted."""
        node, symbol = line.entries
        numbers: frozenset[int] | Function | None = None
        symbols: frozenset[str] | Function | None = None
        if node is not None and not is_every_node(node):
            if is_set(node, self._values):
                numbers = frozenset(int(v) for v in self._values.members(node))
            else:
                numbers = self._conditions.number(node)
        if symbol is not None:
            if is_set(symbol, self._values):
                symbols = frozenset(str(v) for v in self._values.members(symbol))
            else:
                symbols = self._conditions.number(symbol)
        return Count(line.most, bound_of(line, self._values), symbols, numbers)


def _every_node(tree: Tree, variables: Sequence[Value]) -> Iterable[int]:
    return range(len(tree.symbols))


def _members(
    values: Sequence[str | int], tree: Tree, variables: Sequence[Value]
) -> Sequence[str | int]:
    return values


def _related(
    relation: Callable[[Tree, int], Iterable[int]],
    place: int,
    tree: Tree,
    variables: Sequence[Value],
) -> Iterable[int]:
    return relation(tree, variables[place])  # type: ignore[arg-type]


def _holds(truth: Callable[[Sequence[Value]], bool]) -> Check:
    return lambda tree, variables: truth(variables)


def _stands(node: Callable[[Tree, Sequence[Value]], str | None], symbol: str) -> Check:
    return lambda tree, variables: node(tree, variables) == symbol


def _agrees(node: Callable[[Tree, Sequence[Value]], str | None], wanted: Function) -> Check:
    return lambda tree, variables: node(tree, variables) == wanted(variables)


def _reads(
    node: Callable[[Tree, Sequence[Value]], str | None], place: int, members: frozenset[str]
) -> Check:
    def check(tree: Tree, variables: list[Value]) -> bool:
        symbol = node(tree, variables)
        if symbol not in members:
            return False
        variables[place] = symbol
        return True

    return check
