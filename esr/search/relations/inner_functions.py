"""Functions of one argument with one number inside, and a grid to look for it on."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import STANDARD, Call, Expression, PrimitiveSet
from esr.search.relations.waves import wave_of

__all__ = ["FunctionFamily", "damped_waves", "function_families"]

_TURNS, _FREQUENCIES = 6.0, 96
"""Largest number of turns over the range of an argument, and points of the grid."""
_RATES = (0.2, 0.4, 0.8, 1.4, 2.0, 3.0, 4.5, 7.0, 10.0, 15.0)
"""Scales of an argument, over its range."""
_SHIFTS = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Distances of a pole or zero from the data, in ranges of the argument."""
_DAMPED = (0.3, 0.6, 1.2, 2.0, 3.0, 4.5)
"""Rates of decay or growth of a wave, over the range of its argument."""
_AT_REST = 0.02

_Term = tuple[float, Expression]


@dataclass(frozen=True)
class FunctionFamily:
    """Functions of one argument with one number inside.

    Arguments:
        count: P, how many functions share the number.
        grid: F numbers, rising.
        values: Of the functions, `(N, F, P)`, for an argument `(N,)` and numbers `(F,)`.
        write: The size and the shape of their sum, for an argument, a number and P shares.
    """

    count: int
    grid: list[float]
    values: Callable[[Tensor, Tensor], Tensor]
    write: Callable[[Expression, float, Sequence[float]], _Term]


def function_families(primitives: PrimitiveSet, inside: Tensor) -> Iterator[FunctionFamily]:
    """Waves, functions of a scaled argument, and functions of a shifted one."""

    def has(name: str) -> bool:
        return primitives.get(name) == STANDARD[name]

    spread = float(inside.max() - inside.min())
    if not spread > 0:
        return
    if has("sin") and has("cos"):
        yield _waves(spread)
    for name in ("exp", "tanh", "gaussian"):
        if has(name):
            yield _scaled(name, spread)
    for name in ("log", "sqrt", "inverse"):
        if has(name) or name == "inverse":  # dividing is always allowed
            yield _shifted(name, spread, float(inside.min()))


def damped_waves(primitives: PrimitiveSet, inside: Tensor) -> Iterator[FunctionFamily]:
    """Waves that decay or grow."""
    spread = float(inside.max() - inside.min())
    if spread > 0 and all(primitives.get(n) == STANDARD[n] for n in ("sin", "cos", "exp")):
        yield from (_waves(spread, sign * rate) for rate in _DAMPED for sign in (-1, 1))


def _waves(spread: float, growth: float = 0.0) -> FunctionFamily:
    """Sine and cosine, times an exponential that grows by `growth` over the range."""
    rate = growth / spread

    def values(inside: Tensor, numbers: Tensor) -> Tensor:
        angles = inside[:, None] * numbers
        waves = torch.stack([angles.sin(), angles.cos()], 2)
        return waves * torch.exp(rate * inside)[:, None, None] if growth else waves

    def write(inside: Expression, number: float, shares: Sequence[float]) -> _Term:
        size, wave = wave_of(shares[0], shares[1], number * inside, ("sin", "cos"), _AT_REST)
        return size, wave * Call(STANDARD["exp"], (rate * inside,)) if growth else wave

    step = _TURNS * 2 * math.pi / spread / _FREQUENCIES
    return FunctionFamily(2, [step * (0.5 + k) for k in range(_FREQUENCIES)], values, write)


def _scaled(name: str, spread: float) -> FunctionFamily:
    """A function of the argument times a number."""
    rates = [rate / spread for rate in _RATES]
    if name == "exp":
        rates = [*(-rate for rate in reversed(rates)), *rates]
    function = STANDARD[name]

    def values(inside: Tensor, numbers: Tensor) -> Tensor:
        return function.torch_function(inside[:, None] * numbers)[:, :, None]

    def write(inside: Expression, number: float, shares: Sequence[float]) -> _Term:
        return shares[0], Call(function, (number * inside,))

    return FunctionFamily(1, rates, values, write)


def _shifted(name: str, spread: float, least: float) -> FunctionFamily:
    """A function of the argument plus a number that keeps it above zero."""
    function = STANDARD[name]

    def values(inside: Tensor, numbers: Tensor) -> Tensor:
        return function.torch_function(inside[:, None] + numbers)[:, :, None]

    def write(inside: Expression, number: float, shares: Sequence[float]) -> _Term:
        moved = inside + number
        return shares[0], 1 / moved if name == "inverse" else Call(function, (moved,))

    return FunctionFamily(1, [share * spread - least for share in _SHIFTS], values, write)
