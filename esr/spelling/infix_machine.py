"""Relaxed infix strings: a register machine stepped by mixtures of symbols."""

import torch
from torch import Tensor

from esr.spelling.infix_alphabet import EMPTY, OPERATORS, InfixAlphabet

__all__ = ["LARGEST", "SMALLEST_DIVISOR", "mixture_values"]

LARGEST = 1e12
"""The open term and the result stay within plus and minus this."""
SMALLEST_DIVISOR = 1e-6
"""A quotient by less than this in magnitude is left out of the mixture, as if it were 0."""


def mixture_values(alphabet: InfixAlphabet, states: Tensor, inputs: Tensor) -> Tensor:
    r"""Values of relaxed strings: the mean over independent draws of one symbol per position.

    A hard machine holds the sum :math:`a` of the finished terms and the signed product
    :math:`p` of the open term's finished factors, and is in one of four conditions: before an
    operand, within its number, after its variable; the first two with `*` or with `/` pending.
    Here every register is a mean over the drawn strings, with :math:`p` kept apart by condition
    (:math:`p_*, p_/` before, :math:`n_*, n_/` within), next to :math:`k`, the mean of :math:`p`
    times the number read so far, :math:`v`, the term after a variable, and :math:`f`, the mean
    number being read. With the open term :math:`q = k + v + n_/ / f` the steps are

    ========== ==========================================================================
    N          nothing changes
    digit c    :math:`k = 10 k + c\,(p_* + n_*)`, :math:`n = n + p` for both, :math:`p = 0`
    variable x :math:`v = (k + p_*)\, x + (p_/ + n_/ / f) / x`, the rest of the term ends
    \+ or -    :math:`a = a + q,\ p_* = \pm 1`, the rest of the term ends
    \* or /    :math:`p_*` or :math:`p_/ = q`, the rest of the term ends
    ========== ==========================================================================

    and a position moves every register to the mean of its symbols' results, weighted by the
    state. All steps are linear in the registers but :math:`n_/ / f`, so the value is exactly
    multilinear in the state while no number is a divisor; divisors that are numbers enter by
    their mean. A string that is no expression contributes something finite without meaning.

    Arguments:
        alphabet: The symbols.
        states: Shape `(R, P, S)`.
        inputs: Shape `(N, D)`, of the states' type.
    Returns:
        :math:`a + q` at the end, shape `(R, N)`.
    """
    # Taken apart once: taking slices inside the loop would cost a full gradient for each.
    chances = (states @ _roles(alphabet, states)).permute(1, 2, 0).contiguous()  # (P, 8, R)
    variables = states[..., _places(alphabet)].unbind(1)  # P of (R, D)
    factors, divisors = inputs.T, _reciprocal(inputs.T)
    mass = states.new_ones(len(states), 1)
    read = started = torch.zeros_like(mass)  # f times its chance, and that chance
    nothing = states.new_zeros(len(states), len(inputs))
    total = number = after = over_fresh = times_read = over_read = term = nothing
    times_fresh = torch.ones_like(nothing)
    quotient = nothing  # of the open term by the number being read
    for chosen, variable in zip(chances[..., None].unbind(0), variables, strict=True):
        everything, empty, digit, value, plus, minus, times, over = chosen.unbind(0)  # (R, 1)
        factor, divisor = variable @ factors, variable @ divisors
        # every line takes the registers of the position before on its right-hand side
        total = everything * total + (plus + minus) * term
        after = empty * after + (number + times_fresh) * factor + (over_fresh + quotient) * divisor
        number = (empty + 10 * digit) * number + value * (times_fresh + times_read)
        times_read = (empty + digit) * times_read + digit * times_fresh
        over_read = (empty + digit) * over_read + digit * over_fresh
        times_fresh = empty * times_fresh + times * term + (plus - minus) * mass
        over_fresh = empty * over_fresh + over * term
        read, started = (
            (empty + 10 * digit) * read + value * mass,
            empty * started + digit * mass,
        )
        mass = everything * mass
        quotient = over_read * _mean_reciprocal(read, started)
        term = number + after + quotient
        term = term.clamp(-LARGEST, LARGEST)
    return (total + term).clamp(-LARGEST, LARGEST)


def _mean_reciprocal(read: Tensor, started: Tensor) -> Tensor:
    """One over the mean number that is being read, 0 where none is."""
    being_read = started >= SMALLEST_DIVISOR
    return _reciprocal(torch.where(being_read, read / torch.where(being_read, started, 1), 0))


def _reciprocal(values: Tensor) -> Tensor:
    """One over the values, 0 with slope 0 where they are too small."""
    large = values.abs() >= SMALLEST_DIVISOR
    return torch.where(large, torch.where(large, values, 1).reciprocal(), 0)


def _roles(alphabet: InfixAlphabet, like: Tensor) -> Tensor:
    """What each symbol adds to the chances of each kind of step, shape `(S, 8)`."""
    digits = alphabet.digits(like.device)
    empty, *operators = (alphabet.table((kind,), like.device) for kind in (EMPTY, *OPERATORS))
    columns = [torch.ones_like(empty), empty, digits >= 0, digits.clamp(min=0), *operators]
    return torch.stack([column.to(like.dtype) for column in columns], 1)


def _places(alphabet: InfixAlphabet) -> list[int]:
    """The symbol of each variable, in the order of the input columns."""
    return [alphabet.symbols.index(name) for name in alphabet.variables]
