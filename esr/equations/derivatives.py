"""Partial derivatives of the standard primitives, for the `derivative` of a `Primitive`.

Each takes the value of the unscaled function, then its arguments, and returns one partial
derivative for each argument: a tensor, or a number where it is constant.
"""

import torch
from torch import Tensor

__all__ = [
    "Partials",
    "d_abs",
    "d_acos",
    "d_add",
    "d_asin",
    "d_atan",
    "d_cos",
    "d_cosh",
    "d_cube",
    "d_div",
    "d_exp",
    "d_gaussian",
    "d_identity",
    "d_inverse",
    "d_log",
    "d_mul",
    "d_neg",
    "d_pow",
    "d_sigmoid",
    "d_sin",
    "d_sinh",
    "d_sqrt",
    "d_square",
    "d_sub",
    "d_tan",
    "d_tanh",
]

Partials = tuple[Tensor | float, ...]


def d_identity(value: Tensor, x: Tensor) -> Partials:
    """Of x."""
    return (1.0,)


def d_neg(value: Tensor, x: Tensor) -> Partials:
    """Of -x."""
    return (-1.0,)


def d_add(value: Tensor, x: Tensor, y: Tensor) -> Partials:
    """Of x + y."""
    return 1.0, 1.0


def d_sub(value: Tensor, x: Tensor, y: Tensor) -> Partials:
    """Of x - y."""
    return 1.0, -1.0


def d_mul(value: Tensor, x: Tensor, y: Tensor) -> Partials:
    """Of x y."""
    return y, x


def d_div(value: Tensor, x: Tensor, y: Tensor) -> Partials:
    """Of x / y."""
    return y.reciprocal(), -value / y


def d_pow(value: Tensor, x: Tensor, y: Tensor) -> Partials:
    """Of x to the power y; 0 where a vanishing factor meets an infinite one."""
    by_base = torch.where(y == 0, 0, y * torch.pow(x, y - 1))
    return by_base, torch.where(value == 0, 0, value * torch.log(x))


def d_square(value: Tensor, x: Tensor) -> Partials:
    """Of x squared."""
    return (x + x,)


def d_cube(value: Tensor, x: Tensor) -> Partials:
    """Of x cubed."""
    return (x * x * 3,)


def d_inverse(value: Tensor, x: Tensor) -> Partials:
    """Of 1 / x."""
    return (-value * value,)


def d_sqrt(value: Tensor, x: Tensor) -> Partials:
    """Of the square root."""
    return (0.5 / value,)


def d_exp(value: Tensor, x: Tensor) -> Partials:
    """Of the exponential."""
    return (value,)


def d_log(value: Tensor, x: Tensor) -> Partials:
    """Of the natural logarithm."""
    return (x.reciprocal(),)


def d_sin(value: Tensor, x: Tensor) -> Partials:
    """Of the sine."""
    return (torch.cos(x),)


def d_cos(value: Tensor, x: Tensor) -> Partials:
    """Of the cosine."""
    return (-torch.sin(x),)


def d_tan(value: Tensor, x: Tensor) -> Partials:
    """Of the tangent."""
    return (value * value + 1,)


def d_asin(value: Tensor, x: Tensor) -> Partials:
    """Of the inverse sine."""
    return (torch.rsqrt(1 - x * x),)


def d_acos(value: Tensor, x: Tensor) -> Partials:
    """Of the inverse cosine."""
    return (-torch.rsqrt(1 - x * x),)


def d_atan(value: Tensor, x: Tensor) -> Partials:
    """Of the inverse tangent."""
    return ((x * x + 1).reciprocal(),)


def d_sinh(value: Tensor, x: Tensor) -> Partials:
    """Of the hyperbolic sine."""
    return (torch.cosh(x),)


def d_cosh(value: Tensor, x: Tensor) -> Partials:
    """Of the hyperbolic cosine."""
    return (torch.sinh(x),)


def d_tanh(value: Tensor, x: Tensor) -> Partials:
    """Of the hyperbolic tangent."""
    return (1 - value * value,)


def d_sigmoid(value: Tensor, x: Tensor) -> Partials:
    """Of the logistic sigmoid."""
    return (value - value * value,)


def d_gaussian(value: Tensor, x: Tensor) -> Partials:
    """Of exp(-x**2)."""
    return (value * x * -2,)


def d_abs(value: Tensor, x: Tensor) -> Partials:
    """Of the absolute value, 0 at 0 as torch has it."""
    return (torch.sign(x),)
