"""Turns the parser's tree of one statement into the syntax values of the language."""

from lark import Token, Tree

from esr.rules.faults import Faults
from esr.rules.tree import (
    AxisLine,
    Binary,
    Binder,
    Braces,
    Call,
    Cell,
    Column,
    Compare,
    CountLine,
    Expression,
    IncludeLine,
    InputLine,
    Name,
    Number,
    OneLine,
    ParameterLine,
    Place,
    RuleLine,
    SetLine,
    Source,
    Statement,
    Symbol,
    Unary,
)

__all__ = ["Reader"]

_LARGEST = 2**53
"""Whole numbers up to here are exact in float64 as well."""


class Reader:
    """Reads one statement.

    Arguments:
        source: The text it is from.
        above: How many lines of the text come before the statement's first.
        faults: Takes what cannot be used, such as numbers that are too large.
    """

    def __init__(self, source: Source, above: int, faults: Faults) -> None:
        self._source, self._above, self._faults = source, above, faults

    def statement(self, tree: Tree[Token]) -> Statement:
        """The statement of a whole tree."""
        at = self._place(tree)
        parts = {str(child.data): child for child in _trees(tree)}
        label = str(parts["label"].children[0]) if "label" in parts else ""
        if tree.data == "rule":
            return self._rule(label, parts, at)
        if tree.data == "count":
            return self._count(label, parts, tree, at)
        if tree.data == "one":
            grid = next(str(child) for child in tree.children if isinstance(child, Token))
            entries = [str(c.children[0]) for c in _trees(tree) if c.data == "entry"]
            weight, forbidden = self._weight(parts.get("weight"))
            return OneLine(label, grid, tuple(entries), weight, at, forbidden)
        name = str(tree.children[0])
        if tree.data == "include":
            return IncludeLine(name[1:-1], at)
        if tree.data == "input":
            return InputLine(name, tuple(self._column(c) for c in _trees(tree)), at)
        value = self._expression(_trees(tree)[0])
        if tree.data == "axis":
            cyclic = isinstance(tree.children[-1], Token)
            return AxisLine(name, value, cyclic, at)
        return (
            ParameterLine(name, value, at)
            if tree.data == "parameter"
            else SetLine(name, value, at)
        )

    def _rule(self, label: str, parts: dict[str, Tree[Token]], at: Place) -> RuleLine:
        binders, condition = self._header(parts.get("header"))
        cells = [self._cell(child) for child in _trees(parts["conjunction"])]
        weight, _ = self._weight(parts["weight"])
        return RuleLine(label, binders, condition, tuple(cells), weight, at)

    def _count(
        self, label: str, parts: dict[str, Tree[Token]], tree: Tree[Token], at: Place
    ) -> CountLine:
        binders, condition = self._header(parts.get("header"))
        tokens = [child for child in tree.children if isinstance(child, Token)]
        most, grid = tokens[1].type == "MOST", str(tokens[-1])
        bound = next(child for child in _trees(tree) if child.data in _NODES)
        places = [_trees(child) for child in _trees(tree) if child.data == "place"]
        entries = [self._expression(place[0]) if place else None for place in places]
        value = self._expression(bound)
        return CountLine(label, binders, condition, most, value, grid, tuple(entries), at)

    def _header(self, tree: Tree[Token] | None) -> tuple[tuple[Binder, ...], Expression | None]:
        """Variables and condition."""
        binders: list[Binder] = []
        condition = None
        for part in _trees(tree) if tree is not None else []:
            if part.data == "condition":
                condition = self._expression(_trees(part)[0])
            else:
                binders += [self._binder(child) for child in _trees(part)]
        return tuple(binders), condition

    def _weight(self, tree: Tree[Token] | None) -> tuple[Expression | None, bool]:
        """The weight if there is one, and whether it is `forbid`."""
        if tree is None:
            return None, False
        child = tree.children[0]
        return (None, True) if isinstance(child, Token) else (self._expression(child), False)

    def _binder(self, tree: Tree[Token]) -> Binder:
        names = [str(c) for c in tree.children if isinstance(c, Token) and c.type == "NAME"]
        domain = self._expression(_trees(tree)[0])
        return Binder(tuple(names), domain, tree.data == "row", self._place(tree))

    def _column(self, tree: Tree[Token]) -> Column:
        domain = _trees(tree)
        value = self._expression(domain[0]) if domain else None
        return Column(str(tree.children[0]), value, self._place(tree))

    def _cell(self, tree: Tree[Token]) -> Cell:
        indices = tuple(self._expression(child) for child in _trees(tree))
        return Cell(str(tree.children[0]), indices, self._place(tree))

    def _expression(self, tree: Tree[Token]) -> Expression:
        """An expression; the depth of the tree is limited by the parser."""
        at = self._place(tree)
        kind, parts = tree.data, [self._expression(c) for c in _trees(tree) if c.data in _NODES]
        tokens = [child for child in tree.children if isinstance(child, Token)]
        if kind == "number":
            return self._number(tokens[0])
        if kind == "symbol":
            return Symbol(str(tokens[0])[1:-1], at)
        if kind == "name":
            return Name(str(tokens[0]), at)
        if kind == "call":
            return Call(str(tokens[0]), tuple(parts), at)
        if kind == "braces":
            return Braces(tuple(self._item(child) for child in _trees(tree)), at)
        if kind == "unary":
            return Unary(str(tokens[0]), parts[0], at)
        if kind == "binary":
            return Binary(str(tokens[0]), parts[0], parts[1], at)
        comparers = [c for c in _trees(tree) if c.data == "comparer"]
        words = tuple(" ".join(str(token) for token in c.children) for c in comparers)
        return Compare(words, tuple(parts), at)

    def _item(self, tree: Tree[Token]) -> Number | Symbol:
        """A member of a set in braces."""
        tokens = [token for token in tree.children if isinstance(token, Token)]
        last = tokens[-1]
        if last.type == "NUMBER":
            number = self._number(last)
            if isinstance(number.value, float):
                self._faults.add(number.at, f"members are symbols or whole numbers, not {last}")
            return Number(-number.value, number.at) if len(tokens) > 1 else number
        text = str(last)[1:-1] if last.type == "STRING" else str(last)
        return Symbol(text, self._place(last))

    def _number(self, token: Token) -> Number:
        text = str(token)
        whole = text.isdigit() and len(text) < 20
        value: int | float = int(text) if whole else float(text)
        if value > _LARGEST and (whole or text.isdigit() or value == float("inf")):
            self._faults.add(self._place(token), f"the number {text[:30]} is too large")
        return Number(value, self._place(token))

    def _place(self, node: Tree[Token] | Token) -> Place:
        where = node.meta if isinstance(node, Tree) else node
        return Place(self._source, self._above + (where.line or 1), where.column or 1)


_NODES = {"number", "symbol", "name", "call", "braces", "unary", "binary", "compare"}


def _trees(tree: Tree[Token]) -> list[Tree[Token]]:
    return [child for child in tree.children if isinstance(child, Tree)]
