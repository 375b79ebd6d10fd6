"""What an argument of a function would have to be for the function to take a given value."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["wanted_argument"]


def wanted_argument(
    name: str, side: int, target: Tensor, other: Tensor | None, present: Tensor
) -> Tensor | None:
    """The argument at which a function takes the target; of several the nearest to the present.

    Arguments:
        name: Of a primitive.
        side: Which argument, 0 or 1.
        target: What the function shall be, shape `(*)`.
        other: The other argument of a function of two, shape `(*)`.
        present: The argument as it is, shape `(*)`.
    Returns:
        Shape `(*)`, NaN or infinite where there is none; None for functions without an inverse.
    """
    if other is not None:
        inverse = _OF_TWO.get((name, side))
        return None if inverse is None else inverse(target, other)
    if name in _OF_ONE:
        return _OF_ONE[name](target)
    if name in _EVEN:
        return torch.copysign(_EVEN[name](target), present)
    if name == "sin":
        first = torch.asin(target)
        return _nearest(present, first, math.pi - first)
    if name == "cos":
        first = torch.acos(target)
        return _nearest(present, first, -first)
    if name == "tan":
        first = torch.atan(target)
        return first + math.pi * ((present - first) / math.pi).round()
    return None


def _nearest(present: Tensor, *branches: Tensor) -> Tensor:
    """Of numbers that may be shifted by full turns the one nearest to the present."""
    turn = 2 * math.pi
    first, second = (b + turn * ((present - b) / turn).round() for b in branches)
    return torch.where((first - present).abs() < (second - present).abs(), first, second)


def _base(target: Tensor, exponent: Tensor) -> Tensor:
    return torch.where(target > 0, target, math.nan).pow(1 / exponent)


def _within_quarter(angle: Tensor) -> Tensor:
    """Angles from minus to plus a quarter turn, others as NaN."""
    return torch.where(angle.abs() <= math.pi / 2, angle, math.nan)


_OF_TWO: dict[tuple[str, int], Callable[[Tensor, Tensor], Tensor]] = {
    ("add", 0): lambda target, other: target - other,
    ("add", 1): lambda target, other: target - other,
    ("sub", 0): lambda target, other: target + other,
    ("sub", 1): lambda target, other: other - target,
    ("mul", 0): lambda target, other: target / other,
    ("mul", 1): lambda target, other: target / other,
    ("div", 0): lambda target, other: target * other,
    ("div", 1): lambda target, other: other / target,
    ("pow", 0): _base,
    ("pow", 1): lambda target, other: target.log() / other.log(),
}
_OF_ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "cube": lambda target: torch.copysign(target.abs().pow(1 / 3), target),
    "inverse": torch.reciprocal,
    "sqrt": lambda target: torch.where(target >= 0, target.square(), math.nan),
    "exp": torch.log,
    "log": torch.exp,
    "asin": lambda target: _within_quarter(target).sin(),
    "acos": lambda target: _within_quarter(math.pi / 2 - target).sin(),
    "atan": lambda target: _within_quarter(target).tan(),
    "sinh": torch.asinh,
    "tanh": torch.atanh,
    "sigmoid": torch.logit,
}
_EVEN: dict[str, Callable[[Tensor], Tensor]] = {
    "square": torch.sqrt,
    "abs": lambda target: torch.where(target >= 0, target, math.nan),
    "cosh": torch.acosh,
    "gaussian": lambda target: (-target.log()).sqrt(),
}
