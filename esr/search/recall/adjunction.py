"""Polynomials in the variables and one more function, which is looked for among many."""

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor

from esr.equations import Expression, Variable
from esr.random import RandomStreams
from esr.search.clock import Clock
from esr.search.front import SearchFront
from esr.search.memory import remember
from esr.search.question import Rows
from esr.search.recall.transform import transforms
from esr.search.recall.view import LinearView, project

__all__ = ["Adjunction"]

_POWERS = 2
"""Highest power of the function."""
_SHARE = 0.45
"""Most unknowns, in units of the rows."""
_HIGHEST = 4
"""Highest degree in the variables."""
_TARGETS = 3
"""Functions of the target that are looked at: itself, its inverse, its square."""
_CHUNK = 32
_RESTS = 1e-20
"""Share of the target below which what is left over is rounding."""
_STANDS_OUT = 0.5
"""What the best function may leave, in units of what the median one leaves, to be proposed."""
_BEST, _FEW = 3, 6
_PARALLEL = 1e-8


class Adjunction:
    r"""An engine for :math:`T(y) = p_0(x) + p_1(x)\, g(x) + p_2(x)\, g(x)^2`.

    The p are polynomials of bounded degree, and g is one of the programs of a memory: the ring
    of polynomials with a function adjoined. For every g the best polynomials are one problem of
    least squares, and many g are solved as one batch. Where a g leaves rounding alone, or much
    less than the others do, terms are eliminated and what remains is proposed.

    Arguments:
        programs: How many functions are tried.
    """

    def __init__(self, programs: int = 2000) -> None:
        self._programs = programs

    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """As `Engine.search`; nothing is drawn."""
        question = front.question
        rows = question.training
        if not bool(rows.target.abs().max() > 0):
            return
        terms, columns = _monomials(rows)
        memory = remember(question, self._programs, clock)
        values = memory.values[len(rows.variables) :]
        for transform in transforms(question)[:_TARGETS]:
            if _over(front, clock):
                return
            view = LinearView(transform, rows.weights, terms, columns)
            if view.is_explained:
                continue
            for place in _standing_out(view, values, columns, clock):
                g = memory.expression(len(rows.variables) + place)
                further = [_times(power, term) for power in (g, g**2) for term in terms]
                multiples = _multiples(values[place : place + 1], columns)[0]
                found = view.write(further, multiples)
                if found is not None:
                    front.propose(found[0], "adjunction")
                if _over(front, clock):
                    return
                bare = LinearView(transform, rows.weights, [None], columns[:1])
                every = torch.cat([columns[1:], multiples])
                chosen = _forwards(bare, every)
                for count in range(1, len(chosen) + 1):
                    few = [[*terms[1:], *further][n] for n in chosen[:count]]
                    found = bare.write([t for t in few if t is not None], every[chosen[:count]])
                    if found is not None:
                        front.propose(found[0], "adjunction")


def _over(front: SearchFront, clock: Clock) -> bool:
    return front.settled or clock.expired


def _standing_out(
    view: LinearView, values: Tensor, columns: Tensor, clock: Clock
) -> Iterator[int]:
    """Places of functions that leave rounding, as they are found, else of the few best."""
    left = [torch.empty(0, dtype=torch.float64)]
    for start in range(0, len(values), _CHUNK):
        if clock.expired:
            break
        part = _left_over(view, values[start : start + _CHUNK], columns)
        left.append(part)
        yield from (start + (part < _RESTS).nonzero()[:, 0]).tolist()
    every = torch.cat(left)
    if len(every) > 2 * _BEST:
        stands_out = every < _STANDS_OUT * every.median()
        best = every.argsort()[:_BEST]
        yield from best[stands_out[best] & (every[best] >= _RESTS)].tolist()


def _forwards(view: LinearView, columns: Tensor) -> list[int]:
    """Places of the few columns `(B, N)` that forward selection takes, in its order."""
    left = project(columns * view.weights, view.directions)
    whole, target, chosen = left.square().sum(1), view.target, list[int]()
    for _ in range(_FEW):
        squares = left.square().sum(1)
        usable = squares > _PARALLEL * whole
        gains = torch.where(usable, (left @ target).square() / squares, 0.0)
        if not bool((gains > 0).any()):
            break
        chosen.append(int(gains.argmax()))
        direction = left[chosen[-1]] / squares[chosen[-1]].sqrt()
        target = target - (target @ direction) * direction
        left = left - (left @ direction)[:, None] * direction
    return chosen


def _left_over(view: LinearView, values: Tensor, columns: Tensor) -> Tensor:
    """Share of the target that is left beside each function `(K, N)`, shape `(K,)`."""
    further = _multiples(values, columns) * view.weights  # (K, B, N)
    further = further - (further @ view.directions.T) @ view.directions
    lengths = further.norm(dim=2, keepdim=True)
    further = further / torch.where(lengths > 0, lengths, 1.0)
    usable = torch.isfinite(further).flatten(1).all(1)
    further = torch.where(usable[:, None, None], further, 0.0)
    q = torch.linalg.qr(further.mT).Q  # (K, N, B)
    rest = view.target - (q @ (q.mT @ view.target)[..., None])[..., 0]
    return torch.where(usable, rest.square().sum(1), 1.0)


def _multiples(values: Tensor, columns: Tensor) -> Tensor:
    """Powers of functions `(K, N)` times columns `(B, N)`: `(K, 2B, N)`."""
    powers = torch.stack([values**p for p in range(1, _POWERS + 1)], 1)  # (K, 2, N)
    return (powers[:, :, None] * columns).flatten(1, 2)


def _monomials(rows: Rows) -> tuple[list[Expression | None], Tensor]:
    """Monomials of the highest degree that rows allow, None for 1, and their values `(B, N)`."""
    most = int(_SHARE * len(rows.target)) // (1 + _POWERS)
    terms: list[Expression | None] = [None]
    values = [torch.ones_like(rows.target)]
    columns = rows.columns
    for degree in range(1, _HIGHEST + 1):
        names = list(combinations_with_replacement(rows.variables, degree))
        if len(terms) + len(names) > most:
            break
        for chosen in names:
            terms.append(_product(chosen))
            values.append(torch.stack([columns[name] for name in chosen]).prod(0))
    return terms, torch.stack(values)


def _product(names: Sequence[str]) -> Expression:
    counts = {name: names.count(name) for name in names}
    factors = [Variable(n) ** k if k > 1 else Variable(n) for n, k in counts.items()]
    product: Expression = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return product


def _times(power: Expression, term: Expression | None) -> Expression:
    return power if term is None else term * power
