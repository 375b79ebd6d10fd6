"""How near a law is to the exact step of a harmonic oscillator, term by term."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from esr.equations import Expression
from experiments.tasks.dynamics_data import TrajectoryPairs
from experiments.tasks.dynamics_law import Law
from experiments.tasks.dynamics_measures import latent_line
from experiments.tasks.dynamics_transitions import VARIABLES

__all__ = ["LEADING", "Closeness", "compare_with_truth", "one_step_error", "true_coefficients"]

Monomial = tuple[int, int, int]
"""Powers of d, v and the squared frequency."""

LEADING: tuple[tuple[Monomial, ...], tuple[Monomial, ...]] = (
    ((1, 0, 0), (0, 1, 0), (1, 0, 1)),
    ((0, 1, 0), (1, 0, 1), (0, 1, 1)),
)
"""Terms up to the second order in the time step: d, v, w2*d in d'; v, w2*d, w2*v in v'."""
_LARGEST_STRAY = 0.02


@dataclass(frozen=True)
class Closeness:
    """How near a law is to the truth.

    Arguments:
        coefficient_error: Largest relative error of a leading term's coefficient; 1 for a term
            that is missing, infinite if the law is not a polynomial.
        stray_effect: What the other terms' errors add to one step, root mean square, relative
            to the change that the step makes; infinite if the law is not a polynomial.
    """

    coefficient_error: float
    stray_effect: float

    @property
    def right_form(self) -> bool:
        """Whether the law has the leading terms, and nothing else that matters."""
        return self.coefficient_error < 1 and self.stray_effect <= _LARGEST_STRAY


def true_coefficients(time_step: float, order: int = 8) -> tuple[dict[Monomial, float], ...]:
    r"""Coefficients of the exact step as a power series in the time step, up to an order.

    .. math:: d' = d \cos\omega\Delta + \tfrac{v}{\omega} \sin\omega\Delta, \quad
              v' = v \cos\omega\Delta - d\, \omega \sin\omega\Delta

    The functions are even in :math:`\omega`, so that each term has a whole power of its square.

    Arguments:
        time_step: :math:`\Delta`.
        order: Largest power of the time step.
    """
    distance: dict[Monomial, float] = {}
    velocity: dict[Monomial, float] = {}
    for power in range(order + 1):
        half, odd = divmod(power, 2)
        size = (-1) ** half * time_step**power / math.factorial(power)
        if odd:
            distance[0, 1, half] = size
            velocity[1, 0, half + 1] = -size
        else:
            distance[1, 0, half] = velocity[0, 1, half] = size
    return distance, velocity


def compare_with_truth(law: Law, pairs: TrajectoryPairs, time_step: float) -> Closeness:
    """Compare a law's coefficients with the truth's, its latent put in terms of the parameter.

    The data fix the latent only up to scale and offset; the least-squares line from the squared
    frequency to the latent is substituted for it, and terms are compared after expanding.

    Arguments:
        law: Any; one without equations is no polynomial.
        pairs: Motions that determine the line, and on which effects are measured.
        time_step: Duration of a step.
    """
    if not law.equations or not law.finished:
        return Closeness(math.inf, math.inf)
    slope, offset = latent_line(law.encode(pairs.observed)[:, 0], pairs.parameter)
    errors, strays = [0.0], [0.0]
    states, following = pairs.followed[:, :-1], pairs.followed[:, 1:]
    changes = (following - states).square().mean((0, 1)).sqrt().tolist()
    truths = true_coefficients(time_step)
    for place, equation in enumerate(law.next_state()):
        found = _coefficients(equation, slope, offset)
        if found is None:
            return Closeness(math.inf, math.inf)
        truth, leading = truths[place], LEADING[place]
        errors += [abs(found.get(term, 0.0) / truth[term] - 1) for term in leading]
        others = {
            term: found.get(term, 0.0) - truth.get(term, 0.0)
            for term in found.keys() | truth.keys()
            if term not in leading
        }
        strays.append(_size(others, states, pairs.parameter) / changes[place])
    return Closeness(max(errors), max(strays))


def one_step_error(law: Law, pairs: TrajectoryPairs) -> float:
    """Mean absolute error of single steps in units of the mean change that a step makes."""
    states, following = pairs.followed[:, :-1], pairs.followed[:, 1:]
    latents = law.encode(pairs.observed)[:, None].expand(-1, states.shape[1], -1)
    predicted = law.step(torch.cat([states, latents], dim=2).flatten(0, 1))
    errors = (predicted - following.flatten(0, 1)).abs().mean(0)
    return float((errors / (following - states).abs().mean((0, 1))).mean())


def _coefficients(
    equation: Expression, slope: float, offset: float
) -> dict[Monomial, float] | None:
    """Coefficients in d, v and the squared frequency; None if it is not a polynomial."""
    symbols: Sequence[sympy.Symbol] = [sympy.Symbol(name, real=True) for name in VARIABLES]
    moved = equation.to_sympy().subs(symbols[2], slope * symbols[2] + offset)
    expanded = sympy.expand(moved)
    if not expanded.is_polynomial(*symbols):
        return None
    terms = sympy.Poly(expanded, *symbols).as_dict()
    return {(d, v, w2): float(value) for (d, v, w2), value in terms.items()}


def _size(terms: Mapping[Monomial, float], states: Tensor, parameter: Tensor) -> float:
    """Root mean square of a polynomial over states `(N, T, 2)` and parameters `(N,)`."""
    d, v = states.unbind(2)
    total = torch.zeros_like(d)
    for (in_d, in_v, in_parameter), coefficient in terms.items():
        total += coefficient * d**in_d * v**in_v * parameter[:, None] ** in_parameter
    return float(total.square().mean().sqrt())
