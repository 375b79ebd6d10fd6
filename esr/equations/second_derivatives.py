"""Second partial derivatives of primitives: in closed form for many, for the others by autograd.

Those in closed form take the value of the unscaled function, then its arguments, and return the
second derivative by x, or those by x twice, by x and y, and by y twice: a tensor each, or a
number where it is constant. What is named in capitals belongs to the standard primitive of that
name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import derivatives
from esr.equations.derivatives import Partials
from esr.equations.primitives import Primitive

__all__ = [
    "ADD",
    "COS",
    "COSH",
    "CUBE",
    "DIV",
    "EXP",
    "GAUSSIAN",
    "IDENTITY",
    "INVERSE",
    "MUL",
    "NEG",
    "SIGMOID",
    "SIN",
    "SINH",
    "SQUARE",
    "SUB",
    "TANH",
    "Derivatives",
    "second_derivatives",
]


@dataclass(frozen=True)
class Derivatives:
    """First and second partial derivatives, for the `derivative` of a `Primitive`.

    Arguments:
        first: The first ones, one for each argument.
        second: The second ones: by x twice; with a second argument also by x and y, by y twice.
    """

    first: Callable[..., Partials]
    second: Callable[..., Partials]

    def __call__(self, value: Tensor, *arguments: Tensor) -> Partials:
        """The first derivatives."""
        return self.first(value, *arguments)


def second_derivatives(
    primitive: Primitive, value: Tensor, arguments: Sequence[Tensor]
) -> Sequence[Tensor | float]:
    """The second derivatives of an unscaled primitive: by x twice, or by xx, xy and yy.

    Arguments:
        primitive: Without scale; autograd serves where its `derivative` is no `Derivatives`.
        value: Its value.
        arguments: Where it was taken, of the value's shape.
    """
    if isinstance(primitive.derivative, Derivatives):
        return primitive.derivative.second(value, *arguments)
    with torch.enable_grad():
        tracked = [part.detach().clone().requires_grad_() for part in arguments]
        result = primitive.torch_function(*tracked)
        first = _slopes(result, tracked, create_graph=True)
        found: list[Tensor | float] = []
        for place, slope in enumerate(first):
            found += _slopes(slope, tracked[place:], create_graph=False)
    return found


def _slopes(result: Tensor, tracked: Sequence[Tensor], *, create_graph: bool) -> list[Tensor]:
    """Derivatives of the sum of a result, zero where it does not depend on a tensor."""
    if not result.requires_grad:
        return [torch.zeros_like(tensor) for tensor in tracked]
    return list(
        torch.autograd.grad(
            result.sum(), tracked, create_graph=create_graph, retain_graph=True,
            materialize_grads=True,
        )
    )  # fmt: skip


def _d2_linear(value: Tensor, x: Tensor) -> Partials:
    """Of what is linear in x."""
    return (0.0,)


def _d2_sum(value: Tensor, x: Tensor, y: Tensor) -> Partials:
    """Of what is linear in x and y."""
    return 0.0, 0.0, 0.0


def _d2_mul(value: Tensor, x: Tensor, y: Tensor) -> Partials:
    """Of x y."""
    return 0.0, 1.0, 0.0


def _d2_div(value: Tensor, x: Tensor, y: Tensor) -> Partials:
    """Of x / y."""
    square = (y * y).reciprocal()
    return 0.0, -square, value * square * 2


def _d2_square(value: Tensor, x: Tensor) -> Partials:
    """Of x squared."""
    return (2.0,)


def _d2_cube(value: Tensor, x: Tensor) -> Partials:
    """Of x cubed."""
    return (x * 6,)


def _d2_inverse(value: Tensor, x: Tensor) -> Partials:
    """Of 1 / x."""
    return (value * value * value * 2,)


def _d2_exp(value: Tensor, x: Tensor) -> Partials:
    """Of the exponential, and of the hyperbolic functions."""
    return (value,)


def _d2_sin(value: Tensor, x: Tensor) -> Partials:
    """Of the sine, and of the cosine."""
    return (-value,)


def _d2_tanh(value: Tensor, x: Tensor) -> Partials:
    """Of the hyperbolic tangent."""
    return ((value * value - 1) * value * 2,)


def _d2_sigmoid(value: Tensor, x: Tensor) -> Partials:
    """Of the logistic sigmoid."""
    first = torch.addcmul(value, value, value, value=-1)
    return (torch.addcmul(first, first, value, value=-2),)


def _d2_gaussian(value: Tensor, x: Tensor) -> Partials:
    """Of exp(-x**2)."""
    return ((x * x * 4 - 2) * value,)


ADD = Derivatives(derivatives.d_add, _d2_sum)
SUB = Derivatives(derivatives.d_sub, _d2_sum)
MUL = Derivatives(derivatives.d_mul, _d2_mul)
DIV = Derivatives(derivatives.d_div, _d2_div)
NEG = Derivatives(derivatives.d_neg, _d2_linear)
IDENTITY = Derivatives(derivatives.d_identity, _d2_linear)
SQUARE = Derivatives(derivatives.d_square, _d2_square)
CUBE = Derivatives(derivatives.d_cube, _d2_cube)
INVERSE = Derivatives(derivatives.d_inverse, _d2_inverse)
EXP = Derivatives(derivatives.d_exp, _d2_exp)
SIN = Derivatives(derivatives.d_sin, _d2_sin)
COS = Derivatives(derivatives.d_cos, _d2_sin)
SINH = Derivatives(derivatives.d_sinh, _d2_exp)
COSH = Derivatives(derivatives.d_cosh, _d2_exp)
TANH = Derivatives(derivatives.d_tanh, _d2_tanh)
SIGMOID = Derivatives(derivatives.d_sigmoid, _d2_sigmoid)
GAUSSIAN = Derivatives(derivatives.d_gaussian, _d2_gaussian)
