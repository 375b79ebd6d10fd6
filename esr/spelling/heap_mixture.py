"""Relaxed heap trees: every slot is a mixture of what its symbols would be worth."""

import torch
from torch import Tensor

from esr.spelling.guarded import guarded, guarded_partials
from esr.spelling.heap_values import level_range
from esr.spelling.vocabulary import Vocabulary

__all__ = ["mixture_slopes", "mixture_values"]


def mixture_values(vocabulary: Vocabulary, states: Tensor, inputs: Tensor, bound: float) -> Tensor:
    r"""The value of every slot, from the leaves up.

    .. math:: v_i = \sum_s V_{is}\, f_s(v_{2i+1}, v_{2i+2})

    The empty symbol, and primitives at the lowest slots, add 0. A slot's value is linear in the
    slot's own state; the root's is linear in it too where every function above is linear.

    Arguments:
        vocabulary: The symbols.
        states: :math:`V`, shape `(R, M, S)`.
        inputs: Shape `(N, D)`, of the states' type.
        bound: Largest magnitude of a primitive's value and slope; see `guarded`.
    Returns:
        Shape `(R, M, N)`.
    """
    leaves = vocabulary.leaf_values(inputs)[1 : vocabulary.first_primitive]  # (L, N)
    values = states[..., 1 : vocabulary.first_primitive] @ leaves  # (R, M, N)
    levels = (states.shape[1] + 1).bit_length() - 1
    found = [values[:, slice(*level_range(levels - 1))]]
    for level in reversed(range(levels - 1)):
        own = slice(*level_range(level))
        value, below = values[:, own], (found[-1][:, 0::2], found[-1][:, 1::2])
        for index, primitive in enumerate(vocabulary.primitives, vocabulary.first_primitive):
            outcome = guarded(primitive, bound, *below[: primitive.arity])
            value = value + states[:, own, index, None] * outcome
        found.append(value)
    return torch.cat(found[::-1], 1)


def mixture_slopes(vocabulary: Vocabulary, states: Tensor, values: Tensor, bound: float) -> Tensor:
    """The derivative of the root's value by each slot's value, from the root down.

    Arguments:
        vocabulary: The symbols.
        states: Shape `(R, M, S)`.
        values: What `mixture_values` gave, shape `(R, M, N)`.
        bound: As for `mixture_values`.
    Returns:
        Shape `(R, M, N)`.
    """
    slopes = [torch.ones_like(values[:, :1])]
    for level in range((states.shape[1] + 1).bit_length() - 2):
        own, next_level = slice(*level_range(level)), values[:, slice(*level_range(level + 1))]
        below = (next_level[:, 0::2], next_level[:, 1::2])
        sides = [torch.zeros_like(below[0]), torch.zeros_like(below[0])]
        for index, primitive in enumerate(vocabulary.primitives, vocabulary.first_primitive):
            partials = guarded_partials(primitive, bound, below[: primitive.arity])
            for side, partial in enumerate(partials):
                sides[side] = sides[side] + states[:, own, index, None] * partial
        above = slopes[-1]
        slopes.append(torch.stack([above * side for side in sides], 2).flatten(1, 2))
    return torch.cat(slopes, 1)
