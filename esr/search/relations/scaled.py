r"""Functions with a free number inside, such as :math:`e^{kx}`, :math:`\log(x+k)`, and products
of two waves: the numbers are scanned on grids, and the best are fitted as they are proposed.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from esr.equations import STANDARD, Call, Expression, PrimitiveSet
from esr.search.relations.atoms import Atoms, joined
from esr.search.relations.desk import Desk
from esr.search.relations.elimination import backward_path
from esr.search.relations.power_sum import PowerSum
from esr.search.relations.retrieval import Pool
from esr.search.relations.view import View

__all__ = ["offer_scaled_functions"]

_SHIFTS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
"""Distances of a pole or zero from the data, in ranges of the variable."""
_RATES = (0.3, 0.7, 1.5, 3.0, 5.0, 8.0, 12.0, 20.0)
"""Scales of an argument, over its range."""
_TURNS, _STEPS, _MOST_VARIABLES = 3.0, 24, 3
_SINGLES, _PAIRS, _AMONG, _LONGEST = 3, 4, 300, 3
_WORTH = 0.2
"""Share of the squares about the mean that may be left where a fit is worth its time."""

Build = Callable[[], Expression]


def offer_scaled_functions(view: View, desk: Desk) -> None:
    """Propose sums of one or two functions with a number inside, and a constant.

    Arguments:
        view: What is looked at.
        desk: Where equations are proposed.
    """
    atoms = joined(list(_atoms(view, desk.question.primitives)))
    weights = view.importance[:, None]
    base, target = torch.ones_like(weights) * weights, view.weighted
    pool = Pool(base, atoms.values * weights)
    mean = target - base[:, 0] * float(base[:, 0] @ target / base.square().sum())
    limit = math.sqrt(_WORTH) * float(mean.square().mean().sqrt())
    supports: list[tuple[int, ...]] = [(place,) for place in pool.singles(target, _SINGLES)]
    supports += pool.pairs(target, _PAIRS, _AMONG)
    for support in supports:
        columns = torch.cat([base, atoms.values[:, list(support)] * weights], 1)
        for found in backward_path(columns, target, _LONGEST):
            if desk.closed():
                return
            if found.miss <= limit and found.columns != (0,):
                parts = [atoms.write[support[c - 1]]() if c else None for c in found.columns]
                desk.propose(view.back(_sum(desk, parts, found.numbers)))


def _sum(desk: Desk, parts: list[Expression | None], numbers: tuple[float, ...]) -> Expression:
    atoms = [part for part in parts if part is not None]
    keys = []
    for part in parts:
        keys.append(tuple(float(part is not None and atom is part) for atom in atoms))
    return desk.writer.sum(PowerSum.of(atoms, keys, numbers))


def _atoms(view: View, primitives: PrimitiveSet) -> Iterator[Atoms]:
    """Every function of every variable on its grid, and products of waves."""
    yield Atoms(view.values[:, :0], [])
    for variable, column in zip(view.variables, view.values.unbind(1), strict=True):
        spread = float(column.max() - column.min())
        for name in ("exp", "tanh", "sigmoid", "gaussian"):
            if primitives.get(name) == STANDARD[name]:
                rates = [rate / spread for rate in _RATES]
                if name != "gaussian":
                    rates += [-rate for rate in rates]
                yield _on_grid(name, column, [(_scaled(variable, r), r * column) for r in rates])
        yield _on_grid("", column, list(_shifted(variable, column, spread)))
        for name in ("log", "sqrt"):
            if primitives.get(name) == STANDARD[name]:
                shifted = [(b, v) for b, v in _shifted(variable, column, spread) if v.min() > 0]
                yield _on_grid(name, column, shifted)
    if {"sin", "cos"} <= set(primitives) and 2 <= len(view.variables) <= _MOST_VARIABLES:
        yield from _wave_products(view)


def _on_grid(name: str, column: Tensor, insides: list[tuple[Build, Tensor]]) -> Atoms:
    """A function of each argument; the reciprocal if it has no name."""
    columns = [column[:0].new_empty(len(column), 0)]
    write: list[Build] = []
    for build, inside in insides:
        value = STANDARD[name].torch_function(inside) if name else 1 / inside
        if bool(torch.isfinite(value).all()):
            columns.append(value[:, None])
            write.append(_called(name, build))
    return Atoms(torch.cat(columns, 1), write)


def _called(name: str, build: Build) -> Build:
    return lambda: Call(STANDARD[name], (build(),)) if name else 1 / build()


def _scaled(variable: Expression, number: float) -> Build:
    return lambda: number * variable


def _shifted(
    variable: Expression, column: Tensor, spread: float
) -> Iterator[tuple[Build, Tensor]]:
    """The variable plus numbers that leave it without zeros."""
    for share in _SHIFTS:
        for number in (
            share * spread - float(column.min()),
            -share * spread - float(column.max()),
        ):
            yield _plus(variable, number), column + number


def _plus(variable: Expression, number: float) -> Build:
    return lambda: variable + number


def _wave_products(view: View) -> Iterator[Atoms]:
    """Products of a wave of one variable and a wave of another."""
    waves = [_waves(v, c) for v, c in zip(view.variables, view.values.unbind(1), strict=True)]
    for place, first in enumerate(waves):
        for second in waves[place + 1 :]:
            products = first.values[:, :, None] * second.values[:, None, :]
            write = [_times(a, b) for a in first.write for b in second.write]
            yield Atoms(products.flatten(1), write)


def _times(first: Build, second: Build) -> Build:
    return lambda: first() * second()


def _waves(variable: Expression, column: Tensor) -> Atoms:
    spread = float(column.max() - column.min())
    step = _TURNS * 2 * math.pi / spread / _STEPS
    frequencies = [step * (1 + k) for k in range(_STEPS)]
    angles = column[:, None] * column.new_tensor(frequencies)
    write = [_called(name, _scaled(variable, f)) for name in ("sin", "cos") for f in frequencies]
    return Atoms(torch.cat([angles.sin(), angles.cos()], 1), write)
