"""Functions of the target that chains may aim at, and their inverses."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Call, Expression, PrimitiveSet

__all__ = ["Transform", "transforms"]


@dataclass(frozen=True)
class Transform:
    """A function of the target.

    Arguments:
        name: Its name.
        forward: From the target to what chains aim at.
        back: From an expression of that to one of the target.
    """

    name: str
    forward: Callable[[Tensor], Tensor]
    back: Callable[[Expression], Expression]


def transforms(target: Tensor, primitives: PrimitiveSet) -> list[Transform]:
    """The transforms that the target and the primitives permit, the identity first.

    Arguments:
        target: Shape `(N,)`.
        primitives: Functions that may occur.
    """
    found = [Transform("y", lambda y: y, lambda f: f)]
    if bool((target > 0).all()) and "exp" in primitives:
        exp = primitives["exp"].base
        found.append(Transform("log y", torch.log, lambda f: Call(exp, (f,))))
    if bool((target >= 0).all()) and "sqrt" in primitives:
        root = primitives["sqrt"].base
        found.append(Transform("y^2", torch.square, lambda f: Call(root, (f,))))
    if bool((target.abs() > 1e-3 * target.abs().max()).all()):
        found.append(Transform("1/y", torch.reciprocal, lambda f: 1 / f))
    return found
