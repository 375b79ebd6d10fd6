"""Normal forms of sines and cosines: phases at rest or as sums, squares as double angles."""

import math
from collections.abc import Callable

from esr.equations.expression import Call, Constant, Expression
from esr.equations.folding import fold_constants
from esr.equations.standard import ADD, DIV, MUL, NEG, POW, SQUARE, STANDARD, SUB
from esr.equations.traversal import fold

__all__ = ["double_angles", "reduced_phases", "split_constant", "spread_phases"]

_SIN, _COS = STANDARD["sin"], STANDARD["cos"]
_QUARTER = math.pi / 2
_ROUNDING = 1e-9  # of a phase, in radians


def double_angles(expression: Expression) -> Expression:
    r"""The same function with products and squares of sines and cosines written as sums.

    .. math:: \sin u \sin v = \tfrac12 \sin(u - v + \pi/2) - \tfrac12 \sin(u + v + \pi/2)

    and a cosine is a sine a quarter turn ahead. Of a longer product the first two are taken.

    Arguments:
        expression: Any expression.
    """

    def rewrite(node: Expression, parts: tuple[Expression, ...]) -> Expression:
        if not isinstance(node, Call):
            return node
        call = Call(node.primitive, parts)
        factors = _factors(call)
        waves = [f for f in factors if isinstance(f, Call) and f.primitive in (_SIN, _COS)][:2]
        if len(waves) < 2:
            return call
        for wave in waves:
            factors.remove(wave)
        product = _product_of_waves(*waves)
        for factor in factors:
            product = factor * product
        return product

    return fold(expression, rewrite)


def _factors(expression: Expression) -> list[Expression]:
    """The factors of a product, a square as its base twice."""
    if not isinstance(expression, Call):
        return [expression]
    if expression.primitive == MUL:
        return [factor for part in expression.arguments for factor in _factors(part)]
    if expression.primitive == SQUARE or (
        expression.primitive == POW and expression.arguments[1] == Constant(2.0)
    ):
        return [expression.arguments[0]] * 2
    return [expression]


def _product_of_waves(first: Call, second: Call) -> Expression:
    left, right = first.arguments[0], second.arguments[0]
    ahead = _QUARTER * (first.primitive == _COS), _QUARTER * (second.primitive == _COS)
    if left == right:
        near: Expression = Constant(0.5 if first.primitive == second.primitive else 0.0)
    else:
        near = 0.5 * Call(_SIN, (left - right + (ahead[0] - ahead[1] + _QUARTER),))
    return near - 0.5 * Call(_SIN, (left + right + (ahead[0] + ahead[1] + _QUARTER),))


def reduced_phases(expression: Expression) -> Expression:
    """The same function with the phase of each sine and cosine within a quarter turn of zero.

    A phase that is a whole number of quarter turns disappears into the function and its sign,
    and so does a minus in front of the angle.

    Arguments:
        expression: Any expression.
    """
    return _with_waves(expression, _wave)


def spread_phases(expression: Expression) -> Expression:
    r"""The same function with each wave as a sum of a sine and a cosine without phases.

    .. math:: \sin(u + c) = \cos c \sin u + \sin c \cos u

    Waves that are the same function then have nearly the same constants, which phases have not:
    those near a quarter turn and minus a quarter turn differ in sign only.

    Arguments:
        expression: Any expression.
    """
    return _with_waves(expression, _spread_wave)


def _with_waves(
    expression: Expression, wave: Callable[[Expression, float], Expression]
) -> Expression:
    """The expression with each sine and cosine as `wave` writes the sine of an angle plus a
    phase, the innermost first."""

    def rewrite(node: Expression, parts: tuple[Expression, ...]) -> Expression:
        if not isinstance(node, Call):
            return node
        if node.primitive in (_SIN, _COS):
            return wave(parts[0], _QUARTER if node.primitive == _COS else 0.0)
        return Call(node.primitive, parts)

    return fold(fold_constants(expression), rewrite)


def _spread_wave(angle: Expression, phase: float) -> Expression:
    """The sine of angle plus phase, as a sum."""
    rest, shift = split_constant(angle)
    phase += shift
    if rest is None:
        return Constant(math.sin(phase))
    sign = 1.0
    if _is_negative(rest):
        rest, sign = _negated(rest), -1.0
    along, across = sign * math.cos(phase), math.sin(phase)
    sine, cosine = Call(_SIN, (rest,)), Call(_COS, (rest,))
    if abs(across) < _ROUNDING:
        return round(along) * sine
    if abs(along) < _ROUNDING:
        return round(across) * cosine
    return along * sine + across * cosine


def _wave(angle: Expression, phase: float) -> Expression:
    """The sine of angle plus phase."""
    rest, shift = split_constant(angle)
    if rest is None:
        return Constant(math.sin(shift + phase))
    phase += shift
    negative = _is_negative(rest)
    if negative:  # sin(phase - r) = sin(r + pi - phase)
        rest, phase = _negated(rest), math.pi - phase
    turns = round(phase / math.pi)
    phase -= turns * math.pi  # within a quarter turn; each half turn is a sign
    sign = -1.0 if turns % 2 else 1.0
    if abs(phase) < _ROUNDING:
        wave = Call(_SIN, (rest,))
    elif abs(abs(phase) - _QUARTER) < _ROUNDING:
        wave = Call(_COS, (rest,))
        sign = sign if phase > 0 else -sign
    else:
        wave = Call(_SIN, (rest + phase if phase > 0 else rest - -phase,))
    return wave if sign > 0 else -wave


def split_constant(angle: Expression) -> tuple[Expression | None, float]:
    """An angle or exponent as something without a constant term, and that term.

    Arguments:
        angle: Any expression.
    Returns:
        The rest, or None if there is but the constant, and the constant.
    """
    if isinstance(angle, Constant):
        return None, angle.value
    if isinstance(angle, Call) and angle.primitive in (ADD, SUB):
        left, right = angle.arguments
        sign = 1.0 if angle.primitive == ADD else -1.0
        if isinstance(right, Constant):
            rest, shift = split_constant(left)
            return rest, shift + sign * right.value
        if isinstance(left, Constant):
            return (right if sign > 0 else -right), left.value
        rest, shift = split_constant(left)
        if shift != 0 and rest is not None:
            return (rest + right if sign > 0 else rest - right), shift
    return angle, 0.0


def _is_negative(expression: Expression) -> bool:
    """Whether the first term has a minus in front."""
    while isinstance(expression, Call) and expression.primitive in (ADD, SUB, MUL, DIV):
        expression = expression.arguments[0]
    if isinstance(expression, Constant):
        return expression.value < 0
    return isinstance(expression, Call) and expression.primitive == NEG


def _negated(expression: Expression) -> Expression:
    """Minus an expression whose first term has a minus in front, and so has none afterwards."""
    if isinstance(expression, Constant):
        return Constant(-expression.value)
    if not isinstance(expression, Call):
        return -expression
    if expression.primitive == NEG:
        return expression.arguments[0]
    left, right = expression.arguments
    if expression.primitive in (MUL, DIV):
        return Call(expression.primitive, (_negated(left), right))
    return Call(SUB if expression.primitive == ADD else ADD, (_negated(left), right))
