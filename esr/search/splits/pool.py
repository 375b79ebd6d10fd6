"""The pool of inner functions: what an unknown function of one variable may be a function of."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Expression, PrimitiveSet
from esr.search.question import Rows
from esr.search.splits.monomials import monomial_nodes, monomial_text, monomial_values

__all__ = ["Inner", "Pool", "inner_pool"]

_EXPONENTS = (1, 2, -1, -2)
_UNITS = (1, -1)
_MOST_WITH_SQUARES = 3
"""Variables in a monomial whose exponents may be two."""
_LONGEST = 6
"""Variables in a monomial."""
_FUNCTIONS = ("sin", "cos", "exp", "log", "sqrt", "tanh")
"""What a variable in a product may stand under."""


@dataclass(frozen=True)
class Inner:
    """One inner function.

    Arguments:
        text: It as an expression.
        nodes: Its complexity.
        exponents: One per variable if it is a monomial, else empty.
    """

    text: str
    nodes: int
    exponents: tuple[int, ...] = ()

    def expression(self, primitives: PrimitiveSet, variables: Sequence[str]) -> Expression:
        """It as a tree."""
        return Expression.parse(self.text, primitives, variables)


@dataclass(frozen=True)
class Pool:
    """Inner functions and their values, the simplest first.

    Arguments:
        inner: K inner functions.
        values: Their values, finite, `(K, N)`.
    """

    inner: tuple[Inner, ...]
    values: Tensor

    def up_to(self, nodes: int) -> "Pool":
        """Those of at most that complexity."""
        count = sum(member.nodes <= nodes for member in self.inner)
        return Pool(self.inner[:count], self.values[:count])


_Family = Iterator[tuple[Inner, Tensor]]


def inner_pool(rows: Rows, primitives: PrimitiveSet, most: int) -> Pool:
    """Laurent monomials, sums and differences, squared distances, products with a function.

    Only one of u, -u, 1/u and u**2 is there, since a function of one is a function of the other.

    Arguments:
        rows: Where to evaluate them.
        primitives: Which functions may occur in them.
        most: Largest number of them; the simplest are kept.
    """
    found: list[tuple[Inner, Tensor]] = []
    for family in (_monomials, _sums, _distances, _products):
        found.extend(itertools.islice(family(rows, primitives, 4 * most), 4 * most))
    found.sort(key=lambda entry: entry[0].nodes)
    values = torch.stack([value for _, value in found[:most]])
    good = torch.isfinite(values).all(1) & (values.amax(1) > values.amin(1))
    kept = good.nonzero()[:, 0].tolist()
    return Pool(tuple(found[index][0] for index in kept), values[kept])


def _monomials(rows: Rows, primitives: PrimitiveSet, most: int) -> _Family:
    """Products of powers, coprime exponents, the first positive; the shortest first."""
    count, given = len(rows.variables), 0
    for size in range(1, min(count, _LONGEST) + 1):
        choices = _EXPONENTS if size <= _MOST_WITH_SQUARES else _UNITS
        every: list[tuple[int, ...]] = []
        for places in itertools.combinations(range(count), size):
            for powers in itertools.product(choices, repeat=size):
                if powers[0] > 0 and math.gcd(*powers) == 1:
                    by_place = dict(zip(places, powers, strict=True))
                    every.append(tuple(by_place.get(place, 0) for place in range(count)))
            if len(every) > most:
                break
        values = monomial_values(rows.inputs, rows.inputs.new_tensor(every))
        for exponents, value in zip(every, values.unbind(0), strict=True):
            text = monomial_text(rows.variables, exponents)
            yield Inner(text, monomial_nodes(exponents), exponents), value
        given += len(every)
        if given > most:
            return


def _sums(rows: Rows, primitives: PrimitiveSet, most: int) -> _Family:
    """Two variables, two squares or two products added or subtracted, also times a variable."""
    names, columns = rows.variables, rows.inputs.unbind(1)
    for i, j in itertools.combinations(range(len(names)), 2):
        for sign, weight in (("-", -1.0), ("+", 1.0)):
            value = columns[i] + weight * columns[j]
            text = f"{names[i]} {sign} {names[j]}"
            yield Inner(text, 3), value
            squares = columns[i].square() + weight * columns[j].square()
            yield Inner(f"{names[i]}**2 {sign} {names[j]}**2", 7), squares
            for k in range(len(names)):
                if k not in (i, j):
                    yield Inner(f"({text})*{names[k]}", 5), value * columns[k]
                    yield Inner(f"({text})/{names[k]}", 5), value / columns[k]
        for k, m in itertools.combinations(range(i + 1, len(names)), 2):
            if j not in (k, m):
                text = f"{names[i]}*{names[j]} + {names[k]}*{names[m]}"
                yield Inner(text, 7), columns[i] * columns[j] + columns[k] * columns[m]
    for i, j, k in itertools.combinations(range(len(names)), 3):
        text = f"{names[i]}**2 + {names[j]}**2 + {names[k]}**2"
        yield Inner(text, 11), rows.inputs[:, (i, j, k)].square().sum(1)


def _distances(rows: Rows, primitives: PrimitiveSet, most: int) -> _Family:
    """Squared distances in the plane."""
    names, columns = rows.variables, rows.inputs.unbind(1)
    pairs = list(itertools.combinations(range(len(names)), 2))
    for (i, j), (k, m) in itertools.combinations(pairs, 2):
        if len({i, j, k, m}) == 4:
            text = f"({names[i]} - {names[j]})**2 + ({names[k]} - {names[m]})**2"
            value = (columns[i] - columns[j]).square() + (columns[k] - columns[m]).square()
            yield Inner(text, 11), value


def _products(rows: Rows, primitives: PrimitiveSet, most: int) -> _Family:
    """A variable times, and plus, a function of another one."""
    names, columns = rows.variables, rows.inputs.unbind(1)
    for function in _FUNCTIONS:
        if function in primitives:
            applied = [primitives[function](column) for column in columns]
            for i, j in itertools.permutations(range(len(names)), 2):
                yield Inner(f"{names[i]}*{function}({names[j]})", 4), columns[i] * applied[j]
                yield Inner(f"{names[i]} + {function}({names[j]})", 4), columns[i] + applied[j]
