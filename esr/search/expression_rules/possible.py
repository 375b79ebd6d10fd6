"""Rules on equations that cannot all hold."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from esr.errors import ConfigurationError
from esr.search.expression_rules.pattern import Pattern
from esr.search.expression_rules.tree import Tree
from esr.search.expression_rules.vocabulary import Vocabulary

__all__ = ["require_possible"]

_PRIMITIVES = "the primitives"


@dataclass(frozen=True)
class _Bound:
    """How often some symbols must or may occur in all, and who says so.

    Arguments:
        symbols: That are counted together.
        number: At least 0.
        rules: In words.
    """

    symbols: frozenset[str]
    number: int
    rules: tuple[str, ...]


def require_possible(patterns: Sequence[Pattern], vocabulary: Vocabulary) -> None:
    """Check that what is forbidden everywhere and how often leaves room for what is required.

    A tree has one leaf more than operators of two arguments. What passes may still be impossible:
    that is for a search to find out.

    Arguments:
        patterns: All rules.
        vocabulary: The symbols of the question.
    Raises:
        ConfigurationError: If a rule requires what others or the primitives do not allow; it
            names the rules.
    """
    required = list(_bounds(patterns, vocabulary, most=False))
    limits = list(_bounds(patterns, vocabulary, most=True))
    for pattern in patterns:
        for symbol in vocabulary.symbols if pattern.bans else ():
            if pattern.broken(Tree(((symbol, 0),))):
                limits.append(_Bound(frozenset((symbol,)), 0, (_named(pattern),)))
    limits += [_Bound(frozenset((name,)), 0, (_PRIMITIVES,)) for name in vocabulary.others]
    for bound in (*required, *limits):
        least, most = _least(required, bound.symbols), _most(limits, bound.symbols)
        if most is not None and least.number > most.number:
            _raise(least, f"at most {most.number}" if most.number else "none", most)
    leaves, binary = vocabulary.leaves, frozenset(vocabulary.binary)
    most_leaves, most_binary = _most(limits, leaves), _most(limits, binary)
    least_leaves, least_binary = _least(required, leaves), _least(required, binary)
    if most_leaves is not None and most_leaves.number < 1 + least_binary.number:
        one = _Bound(leaves, 1 + least_binary.number, least_binary.rules or ("an equation",))
        _raise(one, f"at most {most_leaves.number}", most_leaves)
    if most_binary is not None and least_leaves.number > 1 + most_binary.number:
        _raise(least_leaves, f"at most {most_binary.number} of the operators between", most_binary)


def _bounds(
    patterns: Iterable[Pattern], vocabulary: Vocabulary, *, most: bool
) -> Iterator[_Bound]:
    """What counts say of whole trees, whatever they look like."""
    for pattern in patterns:
        count = pattern.count
        if count is None or count.most is not most or count.nodes is not None:
            continue
        if not all(stage.fixed for stage in pattern.search.stages):
            continue
        for variables in pattern.search.instances(Tree(())):
            symbols = count.counted(variables)
            counted = frozenset(vocabulary.symbols) if symbols is None else symbols
            yield _Bound(counted, count.bound, (_named(pattern),))


def _least(required: Iterable[_Bound], symbols: frozenset[str]) -> _Bound:
    """How often symbols must occur: what is required of sets of them that do not overlap."""
    number, rules, seen = 0, dict[str, None](), set[str]()
    within = [bound for bound in required if bound.number and bound.symbols <= symbols]
    for bound in sorted(within, key=lambda b: (-b.number, len(b.symbols))):
        if not seen & bound.symbols:
            seen |= bound.symbols
            number += bound.number
            rules |= dict.fromkeys(bound.rules)
    return _Bound(frozenset(seen), number, tuple(rules))


def _most(limits: Sequence[_Bound], symbols: frozenset[str]) -> _Bound | None:
    """How often symbols may occur; None if there is no limit to all of them."""
    none = {s: b.rules for b in limits if b.number == 0 for s in b.symbols}
    forbidden = tuple(rule for s in sorted(symbols & none.keys()) for rule in none[s])
    left = symbols - none.keys()
    found = [(bound.number, bound.rules) for bound in limits if bound.symbols >= symbols]
    found += [(b.number, (*forbidden, *b.rules)) for b in limits if b.symbols >= left]
    single = [min((b for b in limits if s in b.symbols), key=_number, default=None) for s in left]
    if None not in single:
        each = [bound for bound in single if bound is not None]
        named = tuple(rule for bound in each for rule in bound.rules)
        found.append((sum(map(_number, each)), (*forbidden, *named)))
    if not found:
        return None
    number, rules = min(found, key=lambda pair: pair[0])
    return _Bound(symbols, number, tuple(dict.fromkeys(rules)))


def _number(bound: _Bound) -> int:
    return bound.number


def _named(pattern: Pattern) -> str:
    return f"{pattern.name} (line {pattern.line})"


def _raise(least: _Bound, allowed: str, most: _Bound) -> None:
    shown = ", ".join(f"'{symbol}'" for symbol in sorted(least.symbols))
    of = f" of {shown}" if len(least.symbols) > 1 else f" {shown}"
    needs = "needs" if len(least.rules) == 1 else "need"
    allow = "allow" if len(most.rules) > 1 or most.rules == (_PRIMITIVES,) else "allows"
    raise ConfigurationError(
        f"the rules cannot all hold: {_listed(least.rules)} {needs} at least "
        f"{least.number}{of}, but {_listed(most.rules)} {allow} {allowed}; loosen one of them"
    )


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
