"""Views through functions: where y = h(t), t is the target."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from esr.equations import STANDARD, Call, Expression, PrimitiveSet
from esr.equations.evaluation import partial_derivatives
from esr.search.relations.view import View
from esr.search.relations.writing import Writer

__all__ = ["function_views", "power_views"]

_POWERS = (-1.0, 2.0, -2.0, 0.5, -0.5)
_AGREEMENT = 1e-9
_LARGEST = 1e12
"""Ratio of the largest to the median size of a target beyond which it is one row's."""

_INVERSES: tuple[tuple[str, Callable[[Tensor], Tensor]], ...] = (
    ("exp", torch.log),
    ("log", torch.exp),
    ("sin", torch.asin),
    ("cos", torch.acos),
    ("tan", torch.atan),
    ("asin", torch.sin),
    ("acos", torch.cos),
    ("atan", torch.tan),
    ("tanh", torch.atanh),
    ("sinh", torch.asinh),
    ("cosh", torch.acosh),
    ("sigmoid", torch.logit),
)


def power_views(view: View, writer: Writer) -> Iterator[View]:
    """Views through powers: y = t**p and y = -t**p for p in -1, 1/2, -1/2, 2 and -2.

    Arguments:
        view: What is looked at.
        writer: Writes powers; says whether there are roots.
    """
    signs = view.target.sign()
    is_one_signed = bool((signs == signs[0]).all()) and bool(signs[0] != 0)
    if not bool((signs != 0).all()):
        return
    for power in _POWERS:
        if power == -1:
            yield from _usable(view.transformed(1 / view.target, view.target.square(), _inverse))
        elif is_one_signed and (writer.has_roots or abs(power) < 1):
            size, sign = view.target.abs(), float(signs[0])
            slope = size ** (1 - power) / abs(power)
            yield from _usable(view.transformed(size**power, slope, _root(writer, power, sign)))


def _inverse(expression: Expression) -> Expression:
    return 1 / expression


def _root(writer: Writer, power: float, sign: float) -> Callable[[Expression], Expression]:
    """From t**power back to t, with its sign."""

    def back(expression: Expression) -> Expression:
        if abs(power) < 1:
            return writer.product(sign, (1 / power,), (expression,))
        return writer.product(sign, (power / 2,), (writer.root(expression),))

    return back


def function_views(view: View, primitives: PrimitiveSet) -> Iterator[View]:
    """Views through functions h that may occur: y = h(t) and, where y is below 0, y = -h(t).

    Also y = 1/(exp(t) - 1), if exponentials may occur.

    Arguments:
        view: What is looked at.
        primitives: The functions that may occur.
    """
    y = view.target
    is_negative = bool((y < 0).all())
    for name, inverse in _INVERSES:
        primitive = STANDARD[name]
        if primitives.get(name) != primitive:
            continue
        value = -y if is_negative and name in ("exp", "cosh") else y
        target = inverse(value)
        if not _agree(primitive.torch_function(target), value):
            continue
        slope = torch.as_tensor(partial_derivatives(primitive, value, [target])[0])
        back = _called(name, negative=value is not y)
        yield from _usable(view.transformed(target, slope.abs().expand_as(y), back))
    if primitives.get("exp") == STANDARD["exp"] and bool(((y > 0) | (y < -1)).all()):
        target = torch.log1p(1 / y)
        slope = (y * (1 + y)).abs()
        yield from _usable(view.transformed(target, slope, lambda e: 1 / (_exp(e) - 1)))


def _exp(expression: Expression) -> Expression:
    return Call(STANDARD["exp"], (expression,))


def _called(name: str, *, negative: bool) -> Callable[[Expression], Expression]:
    def back(expression: Expression) -> Expression:
        call = Call(STANDARD[name], (expression,))
        return -call if negative else call

    return back


def _agree(found: Tensor, wanted: Tensor) -> bool:
    return bool(((found - wanted).abs() <= _AGREEMENT * wanted.abs().max()).all())


def _usable(view: View) -> Iterator[View]:
    """The view, if its target varies and is finite and no single row is all of it."""
    target, slope = view.target, view.importance
    if not bool(torch.isfinite(target).all() and torch.isfinite(slope).all()):
        return
    size = target.abs()
    if float(size.max()) <= _LARGEST * float(size.median()) and bool((target != target[0]).any()):
        yield view
