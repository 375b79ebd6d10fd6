"""Last touches to a law whose latent is known only up to scale and offset."""

from collections.abc import Sequence

import sympy
import torch
from torch import Tensor

from baselines.dynamics import DynamicsModel
from esr.equations import STANDARD, Call, Expression, Variable, fold, simplify
from experiments.tasks.dynamics_data import TrajectoryPairs
from experiments.tasks.dynamics_law import Law, law_of
from experiments.tasks.dynamics_transitions import VARIABLES, Transitions

__all__ = ["centre_latent", "complete_law", "removable_offset"]

_LATENT = VARIABLES[2]
_LITTLE = 1e-3
_NEARLY_ONE = 0.999
"""First coefficients of terms that are offered or straightened; one would be no constant."""


def complete_law(
    law: Law, model: DynamicsModel, pairs: TrajectoryPairs, horizon: int, tolerance: float
) -> Law:
    """Straighten bent terms, offer products of two where something lacks, keep what matters.

    A network that was pruned hard lacks the small terms of its law, or has bent others to serve
    in their place; single steps tell which are needed. A function that its argument can replace
    within the tolerance is replaced. An equation that all variables and products of two together
    improve by less than the tolerance is only shortened.

    Arguments:
        law: With equations.
        model: The model it came from, in float64.
        pairs: Motions to judge by.
        horizon: Number of their steps that are used.
        tolerance: As for `eliminate_terms`.
    Returns:
        The completed law; the law as it is if its equations are too large.
    """
    transitions = Transitions.of(model, law.replica, pairs, horizon)
    limit = (tolerance * transitions.spread) ** 2  # (2,)
    straight = [_straightened(equation) for equation in law.equations]
    bent_loss, loss = (transitions.fit(_offered(e))[1] for e in (law.equations, straight))
    may_be_straight = loss <= bent_loss + limit
    bases = _choose(may_be_straight, straight, law.equations)
    best = torch.where(may_be_straight, loss, bent_loss)
    lacking = transitions.fit(bases)[1] > best + limit
    equations = _choose(lacking, _offered(bases), bases)
    result = transitions.shorten(equations, tolerance)
    return law_of(model, law.replica, result[0]) if result is not None else law


def centre_latent(law: Law, model: DynamicsModel) -> Law:
    r"""Choose the latent's offset, which the data leave open, so that the law is shortest.

    Where an equation has both :math:`b\, m` and :math:`a\, m z`, the latent
    :math:`z' = z + b / a` has :math:`a\, m z'` alone. The encoder's last bias takes up the offset.

    Arguments:
        law: With equations.
        model: The model it came from, in float64; the encoder of the law's replica is changed.
    Returns:
        The same law in terms of the shifted latent; the law itself if no offset helps.
    """
    offset = removable_offset(law.equations)
    if offset == 0:
        return law
    model.shift_latents_(law.replica, offset)
    moved = [e.substitute({_LATENT: Variable(_LATENT) - offset}) for e in law.equations]
    return law_of(model, law.replica, [simplify(e) for e in moved])


def removable_offset(equations: Sequence[Expression]) -> float:
    """The offset b / a of `centre_latent` for the largest a; zero if no term can be removed.

    Arguments:
        equations: Those that are not polynomials are passed over.
    """
    symbols = [sympy.Symbol(name, real=True) for name in VARIABLES]
    largest, offset = 0.0, 0.0
    for equation in equations:
        polynomial = sympy.expand(equation.to_sympy())
        if not polynomial.is_polynomial(*symbols):
            continue
        coefficients = sympy.Poly(polynomial, *symbols).as_dict()
        for (d, v, z), coefficient in coefficients.items():
            below = coefficients.get((d, v, 0))
            if z == 1 and below is not None and abs(coefficient) > largest:
                largest, offset = abs(float(coefficient)), float(below / coefficient)
    return offset


def _choose(
    where: Tensor, first: Sequence[Expression], second: Sequence[Expression]
) -> list[Expression]:
    rows = zip(where.tolist(), first, second, strict=True)
    return [one if flag else other for flag, one, other in rows]


def _straightened(expression: Expression) -> Expression:
    """The expression with a multiple of its argument in the place of each function."""

    def straight(node: Expression, arguments: tuple[Expression, ...]) -> Expression:
        if not isinstance(node, Call):
            return node
        if len(arguments) > 1 or node.primitive == STANDARD["neg"]:
            return Call(node.primitive, arguments)
        return _NEARLY_ONE * arguments[0]

    return fold(expression, straight)


def _offered(equations: Sequence[Expression]) -> list[Expression]:
    """Each equation plus a little of each variable and of each product of two."""
    return [_with_products(equation) for equation in equations]


def _with_products(equation: Expression) -> Expression:
    for place, name in enumerate(VARIABLES):
        equation = equation + _LITTLE * Variable(name)
        for other in VARIABLES[place:]:
            equation = equation + _LITTLE * (Variable(name) * Variable(other))
    return equation
