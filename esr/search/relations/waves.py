r"""Polynomials and waves: :math:`t = p(x) + \sum_k A_k \sin(\omega_k u_k + \varphi_k)`.

The frequency of each wave is scanned with its sine and cosine beside all polynomials of low
degree, the waves found before included; proposals are then fitted, frequencies too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import STANDARD, Call, Expression
from esr.search.relations.atoms import Atoms, arguments
from esr.search.relations.desk import Desk
from esr.search.relations.elimination import Support, backward_path
from esr.search.relations.exponents import graded, power_products
from esr.search.relations.power_sum import Exponents, PowerSum
from esr.search.relations.view import View

__all__ = ["Wave", "best_wave", "offer_waves", "wave_of"]

_TURNS, _STEPS, _FINER = 7.0, 84, 16
"""Largest number of turns over the range of an argument, points of the grid and between them."""
_MOST_WAVES, _MOST_VARIABLES = 3, 4
_ROWS_FOR_ONE = 6
_LONGEST = 6
_WORTH = 0.5
"""Share of the squares that a wave must not leave to be worth proposing."""
_DISTINCT = 1e-6
"""Smallest share of a wave that is left beside polynomials."""
_PHASE_AT_REST = 0.15


@dataclass(frozen=True)
class Wave:
    """A wave of some phase and size.

    Arguments:
        argument: Place of its argument among the arguments.
        frequency: In radians for each unit of the argument, above 0.
        left: Share of the squares that it leaves.
    """

    argument: int
    frequency: float
    left: float


def best_wave(columns: Tensor, target: Tensor, insides: Tensor, weights: Tensor) -> Wave:
    """The wave that leaves the least of a target beside the span of some columns.

    Arguments:
        columns: Weighted columns, `(N, K)`.
        target: Weighted target, `(N,)`.
        insides: Arguments of waves, `(N, A)`.
        weights: The weights, `(N,)`.
    """
    frame = torch.linalg.qr(columns / columns.norm(dim=0)).Q
    rest = target - frame @ (frame.T @ target)
    best = Wave(0, 1.0, math.inf)
    for place, inside in enumerate(insides.unbind(1)):
        spread = float(inside.max() - inside.min())
        if spread > 0:
            step = _TURNS * 2 * math.pi / spread / _STEPS
            grid = inside.new_tensor([step * (1 + k) for k in range(_STEPS)])
            coarse = _scan(frame, rest, inside, weights, grid)
            peak = float(grid[int(coarse.argmin())])
            offsets = torch.linspace(-1, 1, 2 * _FINER + 1, dtype=grid.dtype)
            finer = (peak + step * offsets).clamp(min=step / 2)
            fine = _scan(frame, rest, inside, weights, finer)
            least = int(fine.argmin())
            if float(fine[least]) < best.left:
                best = Wave(place, float(finer[least]), float(fine[least]))
    return best


def _scan(
    frame: Tensor, rest: Tensor, inside: Tensor, weights: Tensor, frequencies: Tensor
) -> Tensor:
    """Share of the squares of what is left that sine and cosine of each frequency leave."""
    angles = inside[:, None] * frequencies  # (N, F)
    sines, cosines = angles.sin() * weights[:, None], angles.cos() * weights[:, None]
    whole = sines.square().sum(0), cosines.square().sum(0)
    sines = sines - frame @ (frame.T @ sines)
    cosines = cosines - frame @ (frame.T @ cosines)
    a, b = sines.square().sum(0), cosines.square().sum(0)
    mixed = (sines * cosines).sum(0)
    determinant = a * b - mixed.square()
    p, q = sines.T @ rest, cosines.T @ rest
    explained = (p * p * b - 2 * p * q * mixed + q * q * a) / determinant
    distinct = determinant > _DISTINCT * whole[0] * whole[1]
    return 1 - torch.where(distinct, explained, 0.0) / rest.square().sum().clamp(min=1e-300)


def offer_waves(view: View, desk: Desk) -> None:
    """Propose sums of a polynomial of the second degree and up to three waves.

    Arguments:
        view: What is looked at.
        desk: Where equations are proposed.
    """
    names = [n for n in ("sin", "cos") if desk.question.primitives.get(n) == STANDARD[n]]
    if not names:
        return
    keys = graded(len(view.variables), 2, max(1, len(view.target) // _ROWS_FOR_ONE))
    columns = power_products(view.values, keys) * view.importance[:, None]
    insides = _insides(view, desk)
    waves: list[Wave] = []
    for _ in range(_MOST_WAVES):
        if desk.closed() or columns.shape[1] + 2 > len(view.target) // 2:
            return
        wave = best_wave(columns, view.weighted, insides.values, view.importance)
        if not wave.left < _WORTH:
            return
        waves.append(wave)
        angles = insides.values[:, wave.argument] * wave.frequency
        pair = torch.stack([angles.sin(), angles.cos()], 1) * view.importance[:, None]
        columns = torch.cat([columns, pair], 1)
        for found in backward_path(columns, view.weighted, _LONGEST):
            _propose(view, desk, keys, waves, insides, found, names)


def _insides(view: View, desk: Desk) -> Atoms:
    """Variables, their sums and differences and, of few variables, their products."""
    if len(view.variables) == 1:
        return Atoms(view.values, [lambda: view.variables[0]])
    found = arguments(view, desk.writer, 2 * len(view.variables))
    if len(view.variables) > _MOST_VARIABLES:
        return found.first(len(view.variables))
    halves = range(len(view.variables), 2 * len(view.variables))
    return found.where(torch.tensor([place not in halves for place in range(len(found))]))


def _propose(
    view: View,
    desk: Desk,
    keys: Sequence[Exponents],
    waves: Sequence[Wave],
    insides: Atoms,
    found: Support,
    names: Sequence[str],
) -> None:
    numbers = dict(zip(found.columns, found.numbers, strict=True))
    atoms: list[Expression] = list(view.variables)
    sizes: list[float] = []
    for place, wave in enumerate(waves):
        first = len(keys) + 2 * place
        along, across = numbers.get(first, 0.0), numbers.get(first + 1, 0.0)
        if along == 0 and across == 0:
            continue
        angle = wave.frequency * insides.write[wave.argument]()
        size, atom = wave_of(along, across, angle, names, _PHASE_AT_REST)
        atoms.append(atom)
        sizes.append(size)
    if not sizes:
        return
    wider = (0.0,) * len(sizes)
    exponents = [(*key, *wider) for place, key in enumerate(keys) if place in numbers]
    values = [numbers[place] for place in range(len(keys)) if place in numbers]
    count = len(view.variables)
    for place, size in enumerate(sizes, count):
        exponents.append(tuple(float(index == place) for index in range(len(atoms))))
        values.append(size)
    desk.propose(view.back(desk.writer.sum(PowerSum.of(atoms, exponents, values))))


def wave_of(
    along: float, across: float, angle: Expression, names: Sequence[str], at_rest: float
) -> tuple[float, Expression]:
    r"""Size and shape of :math:`a \sin\alpha + b \cos\alpha`, without a phase if it is small.

    Arguments:
        along: a.
        across: b.
        angle: :math:`\alpha`.
        names: Which of `sin` and `cos` may occur, at least one.
        at_rest: Phases nearer to a multiple of a quarter turn are left out, in radians.
    """
    size, phase = math.hypot(along, across), math.atan2(across, along)
    quarter = round(phase / (math.pi / 2))
    if abs(phase - quarter * math.pi / 2) < at_rest:
        name = "cos" if quarter % 2 else "sin"
        if name in names:
            sign = -1.0 if quarter in (-1, 2, -2) else 1.0
            return sign * size, Call(STANDARD[name], (angle,))
    if names[0] == "cos":
        phase -= math.pi / 2
    return size, Call(STANDARD[names[0]], (angle + phase,))
