"""Which rules stay broken when a broken part stands in a larger equation.

In a whole, the part's node numbers grow by one amount, its depths by another, and the number of
nodes by a third, none of them negative; all else about the part stays. A comparison that holds in
the part holds in every such whole if its two sides move apart in the right direction.
"""

from collections.abc import Mapping

from esr.rules.tree import (
    Binary,
    Call,
    Compare,
    CountLine,
    Expression,
    Name,
    Number,
    RuleLine,
    Symbol,
    Unary,
    names_in,
)

__all__ = ["is_lasting"]

Shift = tuple[float, float, float]
"""How a number grows with each of the three amounts."""

_STILL: Shift = (0.0, 0.0, 0.0)
_NODE: Shift = (1.0, 0.0, 0.0)
_DEPTH: Shift = (0.0, 1.0, 0.0)
_SIZE: Shift = (0.0, 0.0, 1.0)


def is_lasting(rule: RuleLine | CountLine, moving: frozenset[str]) -> bool:
    """Whether a part that breaks a rule is sure to break it in any whole.

    Arguments:
        rule: Forbids something or counts.
        moving: Names of parameters and sets that depend on the number of nodes.
    """
    shifts = _shifts(rule, moving)
    if shifts is None or (rule.condition is not None and not _lasts(rule.condition, shifts, True)):
        return False
    if isinstance(rule, RuleLine):
        return all(_shift(cell.indices[0], shifts) == _NODE for cell in rule.cells)
    if names_in(rule.bound) & moving:
        return False
    node = rule.entries[0]
    everywhere = node is None or (isinstance(node, Name) and node.name == "node")
    return rule.most and (everywhere or _shift(node, shifts) == _NODE)


def _shifts(rule: RuleLine | CountLine, moving: frozenset[str]) -> dict[str, Shift | None] | None:
    """How each name moves, None for those that do as they like; None if a domain is lost."""
    shifts: dict[str, Shift | None] = dict.fromkeys(moving)
    shifts["nodes"] = _SIZE
    for binder in rule.binders:
        domain = binder.domain
        if binder.rows:
            second = _NODE
            if isinstance(domain, Name) and domain.name in ("depth", "extent"):
                second = _DEPTH if domain.name == "depth" else _STILL
            shifts |= dict(zip(binder.names, (_NODE, second), strict=True))
        elif isinstance(domain, Name) and domain.name == "node":
            shifts |= dict.fromkeys(binder.names, _NODE)
        elif names_in(domain) & moving:
            return None
        else:
            shifts |= dict.fromkeys(binder.names, _STILL)
    return shifts


def _lasts(condition: Expression, shifts: Mapping[str, Shift | None], wanted: bool) -> bool:
    """Whether a condition, or if not wanted its contrary, once true stays true."""
    if isinstance(condition, Unary):
        return _lasts(condition.operand, shifts, not wanted)
    if isinstance(condition, Binary):
        return _lasts(condition.left, shifts, wanted) and _lasts(condition.right, shifts, wanted)
    if not isinstance(condition, Compare):
        return False
    links = zip(condition.operands, condition.operators, condition.operands[1:], strict=False)
    return all(_link_lasts(left, word, right, shifts, wanted) for left, word, right in links)


def _link_lasts(
    left: Expression,
    word: str,
    right: Expression,
    shifts: Mapping[str, Shift | None],
    wanted: bool,
) -> bool:
    one = _shift(left, shifts)
    if word in ("in", "not in"):
        moves = any(shifts.get(name, _STILL) != _STILL for name in names_in(right))
        return one == _STILL and not moves
    other = _shift(right, shifts)
    if one is None or other is None:
        return False
    growth = [a - b for a, b in zip(one, other, strict=True)]
    if word in ("==", "!="):
        return not any(growth)
    upwards = (word in (">", ">=")) is wanted
    return all(part >= 0 if upwards else part <= 0 for part in growth)


def _shift(expression: Expression | None, shifts: Mapping[str, Shift | None]) -> Shift | None:
    """How a number moves; None if that is not a sum of the three amounts."""
    if isinstance(expression, (Number, Symbol)):
        return _STILL
    if isinstance(expression, Name):
        return shifts.get(expression.name, _STILL)
    if isinstance(expression, Unary):
        inner = _shift(expression.operand, shifts)
        return _scaled(inner, -1.0 if expression.operator == "-" else 1.0)
    if isinstance(expression, Call):
        first = expression.arguments[0]
        if expression.name == "size" and isinstance(first, Name) and first.name == "node":
            return _SIZE
        parts = [_shift(argument, shifts) for argument in expression.arguments]
        return _STILL if all(part == _STILL for part in parts) else None
    if not isinstance(expression, Binary):
        return None
    left, right = _shift(expression.left, shifts), _shift(expression.right, shifts)
    if left is None or right is None:
        return None
    if expression.operator in ("+", "-"):
        sign = 1.0 if expression.operator == "+" else -1.0
        nodes, depths, sizes = (a + sign * b for a, b in zip(left, right, strict=True))
        return nodes, depths, sizes
    if left == right == _STILL:
        return _STILL
    factor = expression.left if right != _STILL else expression.right
    if expression.operator == "*" and isinstance(factor, Number):
        return _scaled(right if right != _STILL else left, float(factor.value))
    return None


def _scaled(shift: Shift | None, factor: float) -> Shift | None:
    return None if shift is None else (shift[0] * factor, shift[1] * factor, shift[2] * factor)
