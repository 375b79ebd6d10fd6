r"""Functions with a free number inside, times sums: :math:`t = p(x) + \sum_j m_j(x) f_j(u; k)`.

For a given number k the rest is linear, so that k is scanned alone: on a grid first, then ever
finer about the best place (variable projection). What remains is a sparse sum.

Source of variable projection: G. H. Golub, V. Pereyra (1973),
    https://doi.org/10.1137/0710036.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Expression, PrimitiveSet
from esr.search.relations.atoms import Atoms, arguments
from esr.search.relations.desk import Desk
from esr.search.relations.elimination import Support, backward_path
from esr.search.relations.exponents import graded, power_products
from esr.search.relations.inner_functions import (
    FunctionFamily,
    damped_waves,
    function_families,
)
from esr.search.relations.power_sum import Exponents, PowerSum
from esr.search.relations.quotients import suggest_sum
from esr.search.relations.view import View

__all__ = ["offer_modulated"]

_ZOOMS, _FINER = 6, 9
_ROWS, _ROWS_FOR_ONE, _LARGEST_SUM = 400, 6, 40
"""Rows that a scan looks at, rows for each term, and terms of a sum of either kind."""
_MOST_ARGUMENTS, _MOST_VARIABLES = 16, 3
"""Arguments that are looked at, and variables with which waves may be damped."""
_LOOKED_AT, _PROPOSED, _LONGEST = 20, 10, 6
"""Scans and sums of which the best are gone on with, and terms of the longest sum."""
_NO_MISS, _SYMBOLS = 1e-9, 20
_NEAR = 1e-3
"""Share of the target that a sum may miss where its fit may be exact, whatever else is known."""
_WORTH = 0.3
"""Share of the squares beside the sum that may be left where a fit is worth its time."""
_RIDGE = 1e-10


@dataclass(frozen=True)
class _Scan:
    """The best number of one family and one argument.

    Arguments:
        left: Share of the squares beside the sum that is left.
        number: Where.
        family: Which functions.
        argument: Place of the argument.
    """

    left: float
    number: float
    family: FunctionFamily
    argument: int


def offer_modulated(view: View, desk: Desk) -> None:
    """Offer sums in which one function with a number inside has factors of its own.

    Terms and factors of the first degree come first, then those of the second, then damped waves.

    Arguments:
        view: What is looked at.
        desk: Where equations are proposed.
    """
    count = len(view.variables)
    most = max(1, min(_LARGEST_SUM, len(view.target) // _ROWS_FOR_ONE))
    alone, linear, plain = (tuple(graded(count, degree, most)) for degree in range(3))
    insides = arguments(view, desk.writer, 2 * count).first(_MOST_ARGUMENTS)
    if not _Sums(view, desk, plain, plain, insides).is_open:
        return
    for terms, factors in dict.fromkeys([(linear, linear), (plain, linear), (plain, plain)]):
        _Sums(view, desk, terms, factors, insides).offer(function_families)
    if count <= _MOST_VARIABLES:
        for terms in dict.fromkeys([alone, linear]):
            sums = _Sums(view, desk, terms, terms, insides.first(count))
            sums.offer(damped_waves, rough=True)


class _Sums:
    """Sums of some terms, and of the same or fewer times a function.

    Arguments:
        view: What is looked at.
        desk: Where equations are proposed.
        plain: Exponents of terms.
        factors: Exponents of factors of the function.
        insides: Arguments of the function.
    """

    def __init__(
        self,
        view: View,
        desk: Desk,
        plain: Sequence[Exponents],
        factors: Sequence[Exponents],
        insides: Atoms,
    ) -> None:
        self._view, self._desk, self._insides = view, desk, insides
        self._plain, self._factors = plain, factors
        weights = view.importance[:, None]
        self._base = power_products(view.values, plain) * weights  # (N, K)
        self._carriers = power_products(view.values, factors) * weights  # (N, C)
        base = self._base[:_ROWS]
        self._frame = torch.linalg.qr(base / base.norm(dim=0).clamp(min=1e-300)).Q
        target = view.weighted[:_ROWS]
        self._rest = target - self._frame @ (self._frame.T @ target)

    @property
    def is_open(self) -> bool:
        """Whether the terms leave anything."""
        return float(self._rest.square().sum()) > 0

    def offer(
        self,
        families: Callable[[PrimitiveSet, Tensor], Iterator[FunctionFamily]],
        *,
        rough: bool = False,
    ) -> None:
        """Offer the best of some families of functions.

        Arguments:
            families: Of an argument.
            rough: Whether they have further numbers that are not scanned, so that what they miss
                says little before a fit.
        """
        scans: list[_Scan] = []
        for place, inside in enumerate(self._insides.values[:_ROWS].unbind(1)):
            for family in families(self._desk.question.primitives, inside):
                if self._desk.closed():
                    return
                left, number = _scanned(
                    family, inside, self._carriers[:_ROWS], self._frame, self._rest
                )
                scans.append(_Scan(left, number, family, place))
        sums: list[tuple[float, float, PowerSum]] = []
        for scan in sorted(scans, key=lambda s: s.left)[:_LOOKED_AT]:
            if scan.left <= _WORTH and not self._desk.closed():
                sums += self._sums(scan)
        for _, miss, powers in sorted(sums, key=lambda found: found[0])[:_PROPOSED]:
            if self._desk.closed():
                return
            if rough or miss <= _NEAR * self._view.size:
                self._desk.propose(self._view.back(self._desk.writer.sum(powers)))
            else:
                suggest_sum(self._view, self._desk, miss, powers)

    def _sums(self, scan: _Scan) -> Iterator[tuple[float, float, PowerSum]]:
        """Sums of few terms with the function: about how long their descriptions are, and what
        they miss by."""
        inside = self._insides.values[:, scan.argument]
        values = scan.family.values(inside, inside.new_tensor([scan.number]))[:, 0]  # (N, P)
        called = (self._carriers[:, :, None] * values[:, None]).flatten(1)
        columns = torch.cat([self._base, called], 1)
        rows = len(columns)
        for found in backward_path(columns, self._view.weighted, _LONGEST):
            if found.columns[-1] >= len(self._plain):
                powers = self._written(scan, found)
                misfit = rows * math.log(found.miss + _NO_MISS * self._view.size)
                yield misfit + powers.nodes() * math.log(_SYMBOLS), found.miss, powers

    def _written(self, scan: _Scan, found: Support) -> PowerSum:
        """Terms without the function, and those with it: a function of its own for each factor."""
        inside = self._insides.write[scan.argument]()
        numbers = dict(zip(found.columns, found.numbers, strict=True))
        terms: list[tuple[Exponents, float, Expression | None]] = []
        for place, key in enumerate(self._plain):
            if place in numbers:
                terms.append((key, numbers[place], None))
        for place, key in enumerate(self._factors):
            first = len(self._plain) + place * scan.family.count
            shares = [numbers.get(first + k, 0.0) for k in range(scan.family.count)]
            if any(shares):
                terms.append((key, *scan.family.write(inside, scan.number, shares)))
        functions = list(dict.fromkeys(f for _, _, f in terms if f is not None))
        keys = [(*key, *(float(f == other) for other in functions)) for key, _, f in terms]
        atoms = (*self._view.variables, *functions)
        return PowerSum.of(atoms, keys, [number for _, number, _ in terms])


def _scanned(
    family: FunctionFamily, inside: Tensor, carriers: Tensor, frame: Tensor, rest: Tensor
) -> tuple[float, float]:
    """The least share of the squares that is left, and the number where it is."""
    grid = family.grid
    best = (math.inf, grid[0])
    for _ in range(1 + _ZOOMS):
        numbers = inside.new_tensor(grid)
        values = family.values(inside, numbers)  # (N, F, P)
        columns = (values[:, :, None] * carriers[:, None, :, None]).flatten(2)  # (N, F, C)
        finite = torch.isfinite(columns).all(2).all(0)
        columns = torch.where(finite[None, :, None], columns, 0.0)
        flat = columns.flatten(1)
        flat = flat - frame @ (frame.T @ flat)
        columns = flat.view(columns.shape).movedim(1, 0)  # (F, N, C)
        columns = columns / columns.norm(dim=1, keepdim=True).clamp(min=1e-300)
        gram = columns.mT @ columns
        eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
        slopes = columns.mT @ rest
        solution = torch.linalg.solve(gram + _RIDGE * eye, slopes)
        left = 1 - (slopes * solution).sum(1) / rest.square().sum()
        left = torch.where(finite, left, math.inf)
        place = int(left.argmin())
        best = min(best, (float(left[place]), grid[place]))
        low, high = grid[max(0, place - 1)], grid[min(len(grid) - 1, place + 1)]
        grid = torch.linspace(low, high, _FINER, dtype=torch.float64).tolist()
    return best
