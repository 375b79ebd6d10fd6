"""A target that is a product of powers times an unknown function of one inner function."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from esr.equations import Constant, Expression, PrimitiveSet
from esr.search.question import Question, Rows
from esr.search.splits.monomials import monomial, monomial_nodes, snapped
from esr.search.splits.pool import Inner, Pool
from esr.search.splits.reduction import Reduction, fresh_names
from esr.search.splits.smoothness import smoothness

__all__ = ["NODE", "PowerLaw", "description", "power_law", "power_product", "power_splits"]

NODE = 3.0
"""Nats that a node of a factor or an inner function costs, about the logarithm of 20."""
_FLOOR = 1e-12
"""Smallest share of the variance that is told from nothing left."""
_COARSE = 1e-5
"""Share of the variance below which factors of one inner function are equally good."""
_SHORTLIST = 32
"""Inner functions whose exponents are snapped."""
_LARGEST = 6.0
"""Exponent of a variable in a factor."""
_SMALL_TARGET = 1e-4
"""Squares of targets below this share of their mean have no logarithm worth the name."""
_USELESS = 0.5
"""Share of the variance that a useful split may leave."""
_SAME = 1e-9
"""Distance of an exponent from a simple one that is rounding."""
_FREE = 2
"""Inner functions whose fitted exponents are tried as they are."""
_DIGITS = 9.2
"""Nats that an exponent of four digits costs more than whole ones and halves."""


@dataclass(frozen=True)
class PowerLaw:
    """Logarithms of a target and its variables, where they have one.

    Arguments:
        target: log of its size, `(N,)`.
        logarithms: Of the sizes of P of the variables, `(N, P)`.
        noise: Variance of `target` for noise of variance 1 on y, `(N,)`.
        places: Which variables those are.
        variance: Of y.
        denominators: Of exponents that may be written.
    """

    target: Tensor
    logarithms: Tensor
    noise: Tensor
    places: tuple[int, ...]
    variance: float
    denominators: tuple[int, ...]


def power_law(rows: Rows, primitives: PrimitiveSet) -> PowerLaw:
    """The logarithms of a question's rows.

    Arguments:
        rows: The rows.
        primitives: With `pow` or `sqrt`, exponents need not be whole.
    """
    mean = rows.target.square().mean()
    squares = rows.target.square().clamp(min=float(_SMALL_TARGET * mean) + 1e-300)
    signed = (rows.inputs > 0).all(0) | (rows.inputs < 0).all(0)
    places = tuple(signed.nonzero()[:, 0].tolist())
    fractions = (1, 2, 3) if "pow" in primitives else (1, 2) if "sqrt" in primitives else (1,)
    return PowerLaw(
        rows.target.abs().clamp(min=1e-300).log(),
        rows.inputs[:, list(places)].abs().log(),
        1 / squares / rows.weights.clamp(min=1e-6),
        places,
        float(rows.target.var()),
        fractions,
    )


def power_splits(question: Question, pool: Pool, most: int) -> list[Reduction]:
    r"""Reductions :math:`y = \prod_i x_i^{a_i}\, \varphi(u)` to one column, best first.

    The exponents are found together with the noise that is left, by `smoothness` of the
    logarithm of y. They are determined up to powers of u, if u is a monomial: each choice that
    frees the factor of one variable is snapped to simple numbers and judged again.

    Arguments:
        question: What is asked.
        pool: Inner functions u, with values on its training rows.
        most: Largest number of reductions.
    """
    law = power_law(question.training, question.primitives)
    samples = len(law.target)
    ones = law.noise.new_ones(1, samples) / question.training.weights.clamp(min=1e-6)
    plain = smoothness(
        pool.values, question.training.target[None], ones.new_empty(1, samples, 0), ones
    )
    zeros = plain.variances.new_zeros(len(pool.inner), len(law.places))
    owner, exponents, variances = list(range(len(pool.inner))), [zeros], [plain.variances]
    if law.places:
        free = smoothness(pool.values, law.target[None], law.logarithms[None], law.noise[None])
        shortlist = _ordered(free.variances, pool, law)[:_SHORTLIST]
        owners, choices = _choices(pool, free.coefficients, shortlist, law)
        peeled = law.target - choices @ law.logarithms.mT
        judged = smoothness(
            pool.values[owners], peeled, peeled.new_empty(1, samples, 0), law.noise[None]
        )
        owner += owners
        exponents.append(choices)
        variances.append(judged.variances)
    return _best(question, pool, law, owner, torch.cat(exponents), torch.cat(variances), most)


def power_product(question: Question) -> Expression | None:
    r"""The product of powers nearest to the target, :math:`c \prod_i x_i^{a_i}`, powers snapped.

    Arguments:
        question: What is asked.
    Returns:
        The product; None if no variable keeps its sign or no exponents fit.
    """
    law = power_law(question.training, question.primitives)
    if not law.places:
        return None
    roots = law.noise.rsqrt()
    columns = torch.cat([torch.ones_like(law.target)[:, None], law.logarithms], 1)
    solution = torch.linalg.lstsq(columns * roots[:, None], (law.target * roots)[:, None]).solution
    exponents = snapped(solution[1:, 0], law.denominators)
    if not bool(torch.isfinite(exponents).all()) or float(exponents.abs().max()) > _LARGEST:
        return None
    sign = 1.0 if float(question.training.target.mean()) >= 0 else -1.0
    constant = sign * float(solution[0, 0].clamp(-300, 300).exp())
    return Constant(constant) * monomial(question.variables, _fractions(exponents, question, law))


def description(variances: Tensor, variance: float, samples: int) -> Tensor:
    """Nats for N rows whose noise has these variances, of targets with that variance."""
    shares = (variances / max(variance, 1e-300)).clamp(min=_FLOOR)
    return samples / 2 * shares.log()


def _ordered(variances: Tensor, pool: Pool, law: PowerLaw) -> list[int]:
    nodes = variances.new_tensor([inner.nodes for inner in pool.inner])
    lengths = description(variances, law.variance, len(law.target)) + NODE * nodes
    order: list[int] = lengths.argsort().tolist()
    return order


def _choices(
    pool: Pool, coefficients: Tensor, shortlist: Sequence[int], law: PowerLaw
) -> tuple[list[int], Tensor]:
    """Snapped exponents of factors for each inner function: whose they are, and `(K, P)`."""
    owners, found = list[int](), list[Tensor]()
    for rank, place in enumerate(shortlist):
        free, inner = coefficients[place], pool.inner[place]
        shifts = [free]
        if inner.exponents:
            direction = free.new_tensor([inner.exponents[i] for i in law.places])
            shifts += [
                free - direction * (free[i] / direction[i])
                for i in range(len(direction))
                if direction[i] != 0
            ]
        simple = snapped(torch.stack(shifts), law.denominators)
        simple = torch.cat([simple, snapped(simple, (1,))])
        if rank < _FREE and max(law.denominators) > 2:
            simple = torch.cat([simple, torch.stack(shifts)])
        found.append(torch.unique(simple.clamp(-_LARGEST, _LARGEST), dim=0))
        owners += [place] * len(found[-1])
    return owners, torch.cat(found)


def _best(
    question: Question,
    pool: Pool,
    law: PowerLaw,
    owners: Sequence[int],
    exponents: Tensor,
    variances: Tensor,
    most: int,
) -> list[Reduction]:
    """The inner functions with the shortest descriptions.

    Factors that differ by a power of the inner function are equally right, though one of them
    leaves the smoothest rest: of those that leave little, the simplest is taken.
    """
    lengths = description(variances, law.variance, len(law.target))
    useful = torch.nonzero(variances < _USELESS * law.variance)[:, 0]
    useful = useful[lengths[useful].argsort()[: 8 * _SHORTLIST]]
    coarse = lengths.clamp(min=len(law.target) / 2 * math.log(_COARSE)).tolist()
    simplest: dict[int, tuple[float, float, Sequence[Fraction | float]]] = {}
    for index in useful.tolist():
        powers, inner = _fractions(exponents[index], question, law), owners[index]
        price = NODE * (pool.inner[inner].nodes + monomial_nodes(powers))
        price += _DIGITS * sum(power % Fraction(1, 2) != 0 for power in powers)
        length, before = float(lengths[index]), simplest.get(inner)
        choice = (coarse[index] + price, length + price, powers)
        if before is None or choice[0] < before[0]:
            shortest = choice[1] if before is None else min(choice[1], before[1])
            simplest[inner] = (choice[0], shortest, powers)
        else:
            simplest[inner] = (before[0], min(before[1], choice[1]), before[2])
    ranked = sorted(simplest.items(), key=lambda entry: entry[1][1])[:most]
    return [
        _reduction(question, pool.inner[place], powers, length)
        for place, (_, length, powers) in ranked
    ]


def _fractions(exponents: Tensor, question: Question, law: PowerLaw) -> list[Fraction | float]:
    """One exponent per variable of the question, a fraction if it is simple."""
    powers: list[Fraction | float] = [Fraction(0)] * len(question.variables)
    for place, value in zip(law.places, exponents.tolist(), strict=True):
        simple = Fraction(value).limit_denominator(max(law.denominators))
        powers[place] = simple if abs(simple - value) < _SAME else value
    return powers


def _reduction(
    question: Question, inner: Inner, powers: Sequence[Fraction | float], length: float
) -> Reduction:
    name = fresh_names(1, question.variables)[0]
    column = inner.expression(question.primitives, question.variables)
    factor = monomial(question.variables, powers)
    return Reduction({name: column}, factor, length=length)
