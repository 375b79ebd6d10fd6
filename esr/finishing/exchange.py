"""Exchange of functions: the neighbours of an equation that differ from it in one function."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor

from esr.equations import STANDARD, Call, Constant, Expression, Primitive, Variable, fit_constants

__all__ = ["exchange_functions"]

_SCALES = (-1.0, 0.3, -0.3)
_RANKING_STEPS, _WORTH_A_FIT = 12, 4
_SMALL = 15  # nodes up to which variables are put inside functions
_EXACT = 1e-24  # share of the mean square that is rounding


def exchange_functions(
    expression: Expression,
    inputs: Mapping[str, Tensor],
    target: Tensor,
    functions: Sequence[Primitive],
    *,
    max_complexity: int = 40,
    seconds: float = math.inf,
) -> list[Expression]:
    """The best neighbours of an equation that differ from it in one function of one argument.

    A learner may find which parts of an equation feed which, but settle on a power or a straight
    line where an exponential would be exact. Each function in the equation is replaced in turn by
    each of the others, and the whole is put inside each, with a scale, a shift and a factor of
    its own; in small equations so is each variable. The constants are refitted from several
    scales at once.

    Arguments:
        expression: Where to start, not multiplied out.
        inputs: Value of each variable, shape `(N,)`.
        target: y, shape `(N,)`.
        functions: Primitives of one argument to choose from.
        max_complexity: Larger expressions are not worth the time.
        seconds: No further neighbour is tried once they are over.
    Returns:
        A few equations with fitted constants, best first, that fit better than the given one;
        none if that is too large or exact already.
    """
    if expression.complexity > max_complexity or not functions:
        return []
    before = fit_constants(expression, inputs, target)
    if before.mse <= _EXACT * float(target.square().mean()):
        return []
    trials, deadline = [], time.monotonic() + seconds
    for neighbour, place in _neighbours(before.expression, functions):
        starts = [_scaled(neighbour, place, scale) for scale in _SCALES]
        trials.append(
            fit_constants(neighbour, inputs, target, steps=_RANKING_STEPS, starts=starts)
        )
        if time.monotonic() > deadline:
            break
    trials.sort(key=lambda trial: trial.mse)
    fits = [fit_constants(trial.expression, inputs, target) for trial in trials[:_WORTH_A_FIT]]
    fits.sort(key=lambda trial: trial.mse)
    return [trial.expression for trial in fits if trial.mse < before.mse]


def _neighbours(
    expression: Expression, functions: Sequence[Primitive]
) -> Iterator[tuple[Expression, int]]:
    """Neighbours, each with the place of the new function's scale among its constants."""
    leaves = expression.complexity <= _SMALL
    yield from _exchanged(expression, functions, 0, leaves)
    for function in functions:
        yield _framed(function, expression) + Constant(0.0), 1


def _exchanged(
    expression: Expression, functions: Sequence[Primitive], first: int, leaves: bool
) -> Iterator[tuple[Expression, int]]:
    """Neighbours of an expression whose first constant is number `first` of the whole; with
    `leaves` its variables are put inside functions, too."""
    if leaves and isinstance(expression, Variable):
        for function in functions:
            yield _framed(function, expression), first + 1
    if not isinstance(expression, Call):
        return
    start = first
    for place, argument in enumerate(expression.arguments):
        for other, scale in _exchanged(argument, functions, start, leaves):
            arguments = list(expression.arguments)
            arguments[place] = other
            yield Call(expression.primitive, tuple(arguments)), scale
        start += len(argument.constants)
    inner = _argument(expression)
    if inner is not None and inner.variables:
        for function in functions:
            if function != expression.primitive:
                yield _framed(function, inner), first + 1


def _framed(function: Primitive, inner: Expression) -> Expression:
    """The function with a factor, a scale and a shift."""
    return Constant(1.0) * Call(function, (Constant(1.0) * inner + Constant(0.0),))


def _argument(call: Call) -> Expression | None:
    """What a function of one argument is applied to; None for anything else."""
    if call.primitive == STANDARD["pow"] and isinstance(call.arguments[1], Constant):
        return call.arguments[0]
    if call.primitive.arity == 1 and call.primitive != STANDARD["neg"]:
        return call.arguments[0]
    return None


def _scaled(neighbour: Expression, place: int, scale: float) -> list[float]:
    """The constants with the one at a place multiplied."""
    constants = list(neighbour.constants)
    constants[place] *= scale
    return constants
