"""A target that is a few simple terms plus a monomial times an unknown function of one column."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from esr.equations import Constant, Expression
from esr.search.question import Question
from esr.search.splits.monomials import monomial, monomial_nodes, snapped
from esr.search.splits.pool import Inner, Pool
from esr.search.splits.powers import NODE, description
from esr.search.splits.reduction import Reduction, fresh_names
from esr.search.splits.smoothness import differences, smoothness
from esr.search.splits.transforms import AS_IS, TRANSFORMS, Transform

__all__ = ["sum_splits"]

_SIMPLE = 3
"""Nodes of an inner function."""
_MOST_VARIABLES = 6
"""With more variables only factors of one variable and terms of degree one are tried."""
_MOST_TERMS = 0.15
"""Terms for each row."""
_WORK = 40_000
"""Pairs of a factor and an inner function times what a fit has parameters."""
_TRANSFORMED = 600
"""Pairs that are tried for a transformed target."""
_MOST_KEPT = 8
"""Terms of a split that is more than an expansion of something else."""
_USELESS = 0.1
"""Share of the variance that a useful split may leave."""
_TERM = 9.0
"""Nats that a term costs, a product and its constant."""
_LEAST_COST = 1e-5
"""Share of the variance that may be left whatever terms there are, for want of rows."""
_DEVIATIONS = 3.0
"""Standard errors within which a coefficient is a simple number."""


@dataclass(frozen=True)
class _Terms:
    """What a target may hold besides the unknown function.

    Arguments:
        exponents: Of each term's monomial.
        values: `(N, B)`.
    """

    exponents: tuple[tuple[int, ...], ...]
    values: Tensor


def sum_splits(question: Question, pool: Pool, most: int) -> list[Reduction]:
    r"""Reductions :math:`T(y) = \sum_b a_b z_b(x) + m(x)\, \varphi(u)` to one column, best first.

    T is y, its square or its reciprocal, z are monomials up to degree two, m is a monomial and
    u one of the simplest inner functions without a variable of m. Divided by m, this is a
    partially linear model: `smoothness` gives what it leaves. For the best ones, terms are
    eliminated while the description gets shorter, and coefficients near simple numbers become
    these.

    Arguments:
        question: What is asked.
        pool: Inner functions u, with values on its training rows.
        most: Largest number of reductions.
    """
    terms, factors = _terms(question), _factors(question)
    simple = pool.up_to(_SIMPLE)
    variables = [_variables_of(inner, question.variables) for inner in simple.inner]
    pairs = [
        (factor, place)
        for factor in range(len(factors))
        for place in range(len(simple.inner))
        if not any(factors[factor][i] for i in variables[place])
    ][: _WORK // (len(terms.exponents) + 8)]
    found: list[tuple[float, Transform, tuple[Fraction, ...], Inner, Tensor]] = []
    if not pairs:
        return []
    target, variance = question.training.target, float(question.training.target.var())
    multiples = _values(question, factors)  # (F, N)
    for transform in TRANSFORMS:
        if not transform.serves(target, question.primitives):
            continue
        tried = pairs if transform is AS_IS else pairs[:_TRANSFORMED]
        noise = transform.slope(target).square() / question.training.weights.clamp(min=1e-6)
        split = _Split(transform.apply(target), noise, terms.values, multiples, simple.values)
        left = split.left(tried)
        nodes = left.new_tensor([monomial_nodes(factors[f]) + transform.nodes for f, _ in tried])
        lengths = description(left, variance, len(target)) + NODE * nodes
        for index in lengths.argsort()[:most].tolist():
            if float(left[index]) < _USELESS * variance:
                factor, place = tried[index]
                entry = (float(lengths[index]), transform, factors[factor])
                found.append((*entry, simple.inner[place], simple.values[place]))
    found.sort(key=lambda entry: entry[0])
    reductions = [_reduction(question, terms, *entry[1:]) for entry in found[:most]]
    kept = [reduction for reduction in reductions if reduction is not None]
    return sorted(kept, key=lambda reduction: reduction.length)


@dataclass(frozen=True)
class _Split:
    """What every pair of a factor and an inner function is tried on.

    Arguments:
        target: T(y), `(N,)`.
        noise: Its variance for noise of variance 1 on y, `(N,)`.
        terms: `(N, B)`.
        factors: `(F, N)`.
        inner: `(K, N)`.
    """

    target: Tensor
    noise: Tensor
    terms: Tensor
    factors: Tensor
    inner: Tensor

    def left(self, pairs: Sequence[tuple[int, int]], chunk: int = 256) -> Tensor:
        """The noise variance for each pair of places of a factor and an inner function."""
        found = []
        for first in range(0, len(pairs), chunk):
            owners, places = zip(*pairs[first : first + chunk], strict=True)
            factor = self.factors[list(owners)]  # (chunk, N)
            found.append(
                smoothness(
                    self.inner[list(places)],
                    self.target / factor,
                    self.terms / factor[..., None],
                    self.noise / factor.square(),
                ).variances
            )
        return torch.cat(found)


def _reduction(
    question: Question,
    terms: _Terms,
    transform: Transform,
    powers: tuple[Fraction, ...],
    inner: Inner,
    values: Tensor,
) -> Reduction | None:
    """The split with the terms it needs, coefficients fitted or simple; None if too many."""
    target = question.training.target
    noise = transform.slope(target).square() / question.training.weights.clamp(min=1e-6)
    factor = _values(question, [powers])[0]
    table = torch.cat([transform.apply(target)[:, None], terms.values], 1) / factor[:, None]
    rows = differences(values[None], table[None], (noise / factor.square())[None])[0]
    variance = float(target.var())
    kept, coefficients, rest = _eliminated(rows, variance)
    if len(kept) > _MOST_KEPT:
        return None
    offset: Expression | None = None
    for index, coefficient in zip(kept, coefficients, strict=True):
        term = monomial(question.variables, terms.exponents[index])
        term = term if coefficient == 1 else Constant(coefficient) * term
        offset = term if offset is None else offset + term
    nodes = inner.nodes + monomial_nodes(powers) + transform.nodes
    length = description(rows.new_tensor(rest), variance, len(target))
    return Reduction(
        {
            fresh_names(1, question.variables)[0]: inner.expression(
                question.primitives, question.variables
            )
        },
        monomial(question.variables, powers),
        Constant(0.0) if offset is None else offset,
        transform,
        float(length) + NODE * nodes + _TERM * len(kept),
    )


def _eliminated(rows: Tensor, variance: float) -> tuple[list[int], list[float], float]:
    """Backward elimination of terms in differenced rows `(N, 1 + B)`.

    Returns:
        The terms that are kept, their coefficients, and the noise variance that is left.
    """
    left, kept = rows[:, 0], list(range(rows.shape[1] - 1))
    # a term that the differences cannot see is a function of the inner column
    sizes = rows[:, 1:].square().sum(0)
    kept = [k for k in kept if float(sizes[k]) > 1e-8 * float(sizes.max())]
    solution, errors, rest = _fit(rows, kept, left, variance)
    while kept:
        weakest = int((solution / errors).abs().argmin())
        fewer = kept[:weakest] + kept[weakest + 1 :]
        trial = _fit(rows, fewer, left, variance)
        saved = float(description(rows.new_tensor([trial[2], rest]), variance, len(left)).diff())
        if -saved > _TERM:
            break
        kept, (solution, errors, rest) = fewer, trial
    simple = snapped(solution, (1, 2))
    near = (simple - solution).abs() <= _DEVIATIONS * errors
    values = torch.where(near & (simple != 0), simple, solution)
    return kept, values.tolist(), rest


def _fit(
    rows: Tensor, kept: Sequence[int], left: Tensor, variance: float
) -> tuple[Tensor, Tensor, float]:
    """Coefficients, their standard errors and the noise variance, at least a rounding's."""
    columns = rows[:, [k + 1 for k in kept]]
    scale = columns.norm(dim=0)
    orthogonal, triangle = torch.linalg.qr(columns / scale)
    solution = torch.linalg.lstsq(triangle, (orthogonal.mT @ left)[:, None]).solution[:, 0]
    rest = (left - columns @ (solution / scale)).square().sum() / max(1, len(left) - len(kept))
    rest = max(float(rest), _LEAST_COST * variance * 1e-3)
    inverse = torch.linalg.pinv(triangle)
    errors = inverse.square().sum(1).sqrt() * rest**0.5
    return solution / scale, errors / scale, rest


def _terms(question: Question) -> _Terms:
    """One, the variables, their squares and products, as many as the rows can decide."""
    count = len(question.variables)
    most = int(_MOST_TERMS * len(question.training.target))
    every: list[tuple[int, ...]] = []
    for degree in range(3):
        group = []
        for places in itertools.combinations_with_replacement(range(count), degree):
            group.append(tuple(places.count(i) for i in range(count)))
        if len(every) + len(group) > most:
            break
        every += group
    return _Terms(tuple(every), _values(question, every).mT)


def _factors(question: Question) -> list[tuple[Fraction, ...]]:
    """Monomials of few variables, the simplest first; also roots of products if they may be."""
    count = len(question.variables)
    whole = [Fraction(0)] * count
    found = [tuple(whole)]

    def add(powers: dict[int, Fraction]) -> None:
        found.append(tuple(powers.get(i, Fraction(0)) for i in range(count)))

    one, half = Fraction(1), Fraction(1, 2)
    for i in range(count):
        add({i: one})
    if count <= _MOST_VARIABLES:
        roots = "sqrt" in question.primitives
        for i, j in itertools.combinations(range(count), 2):
            add({i: one, j: one})
            add({i: one, j: -one})
            add({i: -one, j: one})
            if roots:
                add({i: half, j: half})
        for i, j, k in itertools.combinations(range(count), 3):
            add({i: one, j: one, k: one})
    inputs = question.training.inputs
    signed = (inputs > 0).all(0).tolist()
    nonzero = (inputs != 0).all(0).tolist()
    return [
        powers
        for powers in found
        if all(nonzero[i] for i in range(count) if powers[i])
        and all(signed[i] for i in range(count) if powers[i].denominator > 1)
    ]


def _values(question: Question, powers: Sequence[Sequence[Fraction | int]]) -> Tensor:
    """Monomials with exponents that may be halves, `(K, N)`."""
    inputs = question.training.inputs
    exponents = inputs.new_tensor([[float(e) for e in power] for power in powers])
    return (inputs[None] ** exponents[:, None]).prod(2)


def _variables_of(inner: Inner, variables: Sequence[str]) -> list[int]:
    """Places of the variables in a simple inner function."""
    text = inner.text.replace("(", " ").replace(")", " ").replace("*", " ").replace("/", " ")
    words = text.split()
    return [place for place, name in enumerate(variables) if name in words]
