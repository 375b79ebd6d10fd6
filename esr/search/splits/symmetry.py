"""Symmetries seen in the slopes of a smooth surrogate, and questions with fewer columns."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Expression, Variable
from esr.search.question import Question, Rows
from esr.search.splits.monomials import monomial
from esr.search.splits.powers import power_law
from esr.search.splits.reduction import Reduction, fresh_names
from esr.search.splits.surrogate import fit_surrogate

__all__ = ["Merger", "Symmetries", "mergers", "scale_symmetries", "symmetric_splits"]

_MOST_ROWS = 220
"""For the surrogate, whose time grows with their cube."""
_SIGNED = 0.98
"""Share of targets of one sign that makes their logarithm worth a surrogate."""
_CONSTANT = 0.1
"""Share of the largest effect below which the effect of a variable is a power."""
_NEAR = 0.12
"""Distance of an exponent from a simple one."""
_CLEAR = 0.01
"""Misfit of a symmetry that is taken together with others."""
_HELP = 5.0
"""How much more a sum or difference is doubted for each power that it needs."""
_VAGUE = 0.1
"""Misfit of a symmetry that is tried at all."""


@dataclass(frozen=True)
class Merger:
    r"""Two variables i and j that the target depends on through one function u of both.

    Arguments:
        places: i and j.
        text: u, with `{a}` for one variable and `{b}` for the other.
        exponents: Powers of both that a factor takes out.
        misfit: Share of :math:`f_i u_j - f_j u_i` that is left, 0 for a perfect symmetry.
    """

    places: tuple[int, int]
    text: str
    exponents: tuple[float, float]
    misfit: float


@dataclass(frozen=True)
class Symmetries:
    """What slopes tell about a target.

    Arguments:
        powers: Exponents of variables that only enter as a factor, by place.
        scaling: Exponents of a scale symmetry and of the target under it, or None.
        mergers: Pairs of other variables that may become one, the clearest first.
    """

    powers: dict[int, float]
    scaling: tuple[tuple[float, ...], float] | None
    mergers: tuple[Merger, ...]


def symmetric_splits(question: Question, most: int) -> list[Reduction]:
    """Reductions to fewer columns, though more than none, the most telling first.

    A surrogate is fitted to the logarithm of the target in terms of logarithms, if the target
    has one sign, and another one to the target as it is. Their slopes give variables that enter
    as a power alone, pairs that enter through one function of both, and scale symmetries.

    Arguments:
        question: What is asked, of at least two variables.
        most: Largest number of reductions.
    """
    rows = question.training
    if len(rows.target) > _MOST_ROWS:
        rows = rows.taken(torch.arange(_MOST_ROWS, device=rows.target.device))
    positive = float((rows.target > 0).double().mean())
    found: list[Reduction] = []
    if positive > _SIGNED or positive < 1 - _SIGNED:
        found += _reductions(question, logarithmic_symmetries(rows, question))
    found += _reductions(question, plain_symmetries(rows))
    distinct: dict[tuple[str, ...], Reduction] = {}
    for reduction in found:
        key = (*map(str, reduction.columns.values()), str(reduction.factor))
        distinct.setdefault(key, reduction)
    ordered = sorted(distinct.values(), key=lambda reduction: reduction.length)
    return ordered[:most]


def logarithmic_symmetries(rows: Rows, question: Question) -> Symmetries:
    """Symmetries of log|y| up to powers of the variables.

    Arguments:
        rows: At least three.
        question: Says which powers may be written.
    """
    law = power_law(rows, question.primitives)
    inputs = rows.inputs.clone()
    signed = list(law.places)
    inputs[:, signed] = law.logarithms
    surrogate = fit_surrogate(inputs, law.target, law.noise)
    slopes, spread = surrogate.slopes, inputs.std(0)
    effects = slopes.std(0) * spread
    largest = float(effects.max())
    step = 0.5 if max(law.denominators) > 1 else 1.0
    powers: dict[int, float] = {}
    for place in signed:
        exponent = float(slopes[:, place].mean())
        simple = round(exponent / step) * step
        flat = float(effects[place]) < max(_CONSTANT * largest, 1e-3)
        if flat and abs(exponent - simple) < _NEAR:
            powers[place] = simple
    others = [place for place in range(inputs.shape[1]) if place not in powers]
    plain = slopes.clone()
    plain[:, signed] = slopes[:, signed] / rows.inputs[:, signed]
    pairs = mergers(rows.inputs, plain, others, signed, step)
    free = [place for place in signed if place in others]
    scaling = scale_symmetries(slopes, spread, free, step) if len(free) > 1 else None
    return Symmetries(powers, scaling, tuple(pairs))


def plain_symmetries(rows: Rows) -> Symmetries:
    """Symmetries of y, whose sign may change.

    Arguments:
        rows: At least three.
    """
    noise = 1 / rows.weights.clamp(min=1e-6)
    surrogate = fit_surrogate(rows.inputs, rows.target, noise)
    values, powers = surrogate.values, dict[int, float]()
    for place in range(rows.inputs.shape[1]):
        scaled = rows.inputs[:, place] * surrogate.slopes[:, place]
        exponent = float(scaled @ values / values.square().sum())
        simple = float(round(exponent))
        rest = float((scaled - exponent * values).square().sum() / scaled.square().sum())
        if simple != 0 and abs(exponent - simple) < _NEAR and rest < _VAGUE:
            powers[place] = simple
    others = [place for place in range(rows.inputs.shape[1]) if place not in powers]
    return Symmetries(powers, None, tuple(mergers(rows.inputs, surrogate.slopes, others, [], 1.0)))


def mergers(
    inputs: Tensor, slopes: Tensor, places: Sequence[int], signed: Sequence[int], step: float
) -> list[Merger]:
    r"""Pairs of variables for which :math:`f_i u_j = f_j u_i` at all rows, the clearest first.

    A factor :math:`x_i^a x_j^b` of the target adds a/x_i and b/x_j to the slopes of its
    logarithm. If both are allowed such powers, these are fitted, and rounded.

    Arguments:
        inputs: `(N, D)`.
        slopes: f, derivatives by the inputs, `(N, D)`.
        places: Variables to look at.
        signed: Variables that may have powers.
        step: What exponents are multiples of.
    """
    found: list[Merger] = []
    for i, j in itertools.combinations(places, 2):
        for text, whole, u_i, u_j in _functions(inputs[:, i], inputs[:, j]):
            f_i, f_j = slopes[:, i], slopes[:, j]
            a = b = 0.0
            if i in signed and j in signed:
                left, right = u_j / inputs[:, i], -u_i / inputs[:, j]
                difference = f_i * u_j - f_j * u_i
                if whole is not None:  # only one combination of both powers can be told
                    a, b = _simplest(float((difference / left).mean()), whole, step)
                else:
                    columns = torch.stack([left, right], 1)
                    solution = torch.linalg.lstsq(columns, difference[:, None]).solution[:, 0]
                    a, b = (round(v / step) * step for v in solution.tolist())
                f_i, f_j = f_i - a / inputs[:, i], f_j - b / inputs[:, j]
            one, other = f_i * u_j, f_j * u_i
            size = float(one.square().sum() + other.square().sum())
            misfit = float((one - other).square().sum()) / max(size, 1e-300)
            if misfit < _VAGUE:
                found.append(Merger((i, j), text, (a, b), misfit))
    found.sort(key=_doubt)
    return found


def scale_symmetries(
    slopes: Tensor, spread: Tensor, places: Sequence[int], step: float
) -> tuple[tuple[float, ...], float] | None:
    r"""The scaling of variables under which the target scales by a power.

    With slopes g of log|y| by logarithms, :math:`\sum_i s_i g_i` is a constant for the scaling
    :math:`x_i \to \lambda^{s_i} x_i`: the smallest eigenvector of the covariance of g.

    Arguments:
        slopes: g, `(N, D)`.
        spread: Standard deviation of each logarithm, `(D,)`.
        places: Variables that have logarithms and are not factors; at least two.
        step: What exponents are multiples of.
    Returns:
        One exponent per variable, the largest of size 1, and the target's; None if there is no
        such symmetry.
    """
    chosen = slopes[:, list(places)] * spread[list(places)]
    sizes, vectors = torch.linalg.eigh(torch.cov(chosen.mT))
    scaling = torch.zeros_like(slopes[0])
    scaling[list(places)] = vectors[:, 0] * spread[list(places)]
    scaling = scaling / scaling[scaling.abs().argmax()]
    simple = (scaling / step).round() * step
    power = float((slopes @ simple).mean())
    rest = float((slopes @ simple * spread[list(places)].mean()).var())
    near = float((simple - scaling).abs().max()) < _NEAR
    if not near or rest > _CLEAR * float(sizes[-1]) or int((simple != 0).sum()) < 2:
        return None
    return tuple(simple.tolist()), round(power / step) * step


def _doubt(merger: Merger) -> float:
    """Misfit, larger where powers had to help."""
    helped = 0.0 if "*" in merger.text or "/" in merger.text else sum(map(abs, merger.exponents))
    return merger.misfit * (1 + _HELP * helped)


def _functions(
    x: Tensor, y: Tensor
) -> list[tuple[str, tuple[float, float] | None, Tensor, Tensor]]:
    """Functions of two variables: text, exponents if it is a monomial, both derivatives."""
    one = torch.ones_like(x)
    found: list[tuple[str, tuple[float, float] | None, Tensor, Tensor]] = [
        ("{a} - {b}", None, one, -one),
        ("{a} + {b}", None, one, one),
        ("{a}**2 + {b}**2", None, x, y),
        ("{a}**2 - {b}**2", None, x, -y),
    ]
    for text, p, q in (
        ("{a}*{b}", 1.0, 1.0),
        ("{a}/{b}", 1.0, -1.0),
        ("{a}**2*{b}", 2.0, 1.0),
        ("{a}*{b}**2", 1.0, 2.0),
        ("{a}**2/{b}", 2.0, -1.0),
        ("{a}/{b}**2", 1.0, -2.0),
    ):
        # derivatives of the logarithm of u, which is as good a function as u
        found.append((text, (p, q), p / x, q / y))
    return found


def _simplest(power: float, exponents: tuple[float, float], step: float) -> tuple[float, float]:
    """Powers of the first or the second variable alone, the smaller one, rounded."""
    first = power
    second = -power * exponents[1] / exponents[0]
    if abs(first) <= abs(second):
        return round(first / step) * step, 0.0
    return 0.0, round(second / step) * step


def _reductions(question: Question, symmetries: Symmetries) -> list[Reduction]:
    """Powers with all clear mergers, with one merger each, with a scaling, and alone."""
    disjoint: list[Merger] = []
    for merger in symmetries.mergers:
        free = not any(set(merger.places) & set(other.places) for other in disjoint)
        if merger.misfit < _CLEAR and free:
            disjoint.append(merger)
    found: list[Reduction] = []
    if len(disjoint) > 1:
        found.append(_merged(question, symmetries.powers, disjoint, 0.0))
    for rank, merger in enumerate(symmetries.mergers[:3]):
        price = merger.misfit if merger.misfit < _CLEAR else 1.0 + merger.misfit
        found.append(_merged(question, symmetries.powers, [merger], price + rank * 1e-9))
    if symmetries.powers:
        found.append(_merged(question, symmetries.powers, [], 0.5))
    if symmetries.scaling is not None:
        found.append(_scaled(question, symmetries.powers, *symmetries.scaling))
    return [reduction for reduction in found if reduction.columns]


def _merged(
    question: Question, powers: dict[int, float], pairs: Sequence[Merger], length: float
) -> Reduction:
    """The reduction that takes out powers and merges pairs."""
    variables = question.variables
    exponents = [powers.get(place, 0.0) for place in range(len(variables))]
    columns: dict[str, Expression] = {}
    names = fresh_names(len(pairs), variables)
    merged = {place for pair in pairs for place in pair.places}
    for name, pair in zip(names, pairs, strict=True):
        i, j = pair.places
        text = pair.text.format(a=variables[i], b=variables[j])
        columns[name] = Expression.parse(text, question.primitives, variables)
        exponents[i] += pair.exponents[0]
        exponents[j] += pair.exponents[1]
    for place, variable in enumerate(variables):
        if place not in merged and place not in powers:
            columns[variable] = Variable(variable)
    return Reduction(columns, monomial(variables, exponents), length=length)


def _scaled(
    question: Question, powers: dict[int, float], scaling: Sequence[float], power: float
) -> Reduction:
    """The reduction that measures the other variables in units of one of them."""
    variables = question.variables
    pivot = max(range(len(scaling)), key=lambda place: abs(scaling[place]))
    exponents = [powers.get(place, 0.0) for place in range(len(variables))]
    exponents[pivot] += power / scaling[pivot]
    columns: dict[str, Expression] = {}
    names = fresh_names(len(variables), variables)
    for place, variable in enumerate(variables):
        if place == pivot or place in powers:
            continue
        units = [0.0] * len(variables)
        units[place] = 1.0
        units[pivot] = -scaling[place] / scaling[pivot]
        name = names[place] if units[pivot] else variable
        columns[name] = monomial(variables, units)
    return Reduction(columns, monomial(variables, exponents), length=0.25)
