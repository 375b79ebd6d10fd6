"""Refitting the constants of many different programs at once."""

import torch
from torch import Tensor

from esr.search.chains.descent import Descent
from esr.search.chains.energy import Energy, Fits
from esr.search.chains.heap import Programs
from esr.search.chains.landscape import Landscape
from esr.search.chains.tape import Tape

__all__ = ["ConstantRefit"]

_SMALLEST = 1e-9
"""Gains are kept away from 0, where a slot would vanish for good."""
_DAMPING, _LESS, _MORE = 1e-2, 0.1, 10.0


class ConstantRefit:
    """Levenberg-Marquardt over the free gains of each program and the frame around it.

    Free are the gains that are not 1, and all numbers. Derivatives come from one pass up and one
    down the heap, for all programs at once, and each trial costs one of both: where it is
    refused the old normal equations are solved again with more damping.

    Arguments:
        landscape: The data.
        steps: Trials of one refit, at least 1.
        most: Free gains that a program may have to be refitted.
    Source: Marquardt (1963), https://doi.org/10.1137/0111030.
    """

    def __init__(self, landscape: Landscape, *, steps: int = 2, most: int = 8) -> None:
        self._landscape, self._steps, self._most = landscape, steps, most

    def free(self, programs: Programs) -> Tensor:
        """Which gains are free, `(B, M)`; the root's is not, the frame has it."""
        free = (programs.gains != 1) | (programs.symbols == self._landscape.alphabet.number)
        free = free & (programs.symbols > 0)
        free[:, 0] = False
        return free

    def refit_(self, programs: Programs, fits: Fits, groups: Tensor, worth: Tensor) -> None:
        """Better gains and fits in the place of some; what cannot be refitted stays.

        Arguments:
            programs: B trees.
            fits: Theirs.
            groups: Which target each aims at, `(B,)`.
            worth: Which of them, of finite energy, are worth it, `(B,)`.
        """
        landscape = self._landscape
        free = self.free(programs)
        count = free.sum(1)
        rows = (worth & (count > 0) & (count <= self._most)).nonzero()[:, 0]
        if not len(rows):
            return
        problem = _Problem(
            landscape.tape(programs.symbols[rows]),
            programs.gains[rows],
            free[rows],
            landscape.table,
        )
        found = _Descender(problem, landscape.energy, groups[rows], fits.at(rows))
        for _ in range(self._steps - 1):
            found.step_()
        found.step_(last=True)
        landscape.evaluations += len(rows) * (self._steps + 1)
        refitted = Programs(programs.symbols[rows], problem.gains(found.parameters[:, 2:]))
        judged = landscape.energy.fits(found.outputs, landscape.sizes(refitted), groups[rows])
        better = judged.energy < fits.energy[rows]
        programs.put_(rows[better], refitted.at(better))
        fits.put_(rows[better], judged.at(better))


class _Descender:
    """Parameters on their way down, with the normal equations where they are.

    Arguments:
        problem: What the parameters are of; before them come the scale and the shift.
        energy: Targets and weights.
        groups: Which target each aims at, `(B,)`.
        fits: At the start.
    """

    def __init__(self, problem: "_Problem", energy: Energy, groups: Tensor, fits: Fits) -> None:
        self._problem = problem
        self._targets = energy.targets[groups]
        self._roots = (energy.weights.sqrt() / energy.spreads[groups].sqrt()[:, None])[:, None]
        self.parameters = torch.cat([torch.stack([fits.scale, fits.shift], 1), problem.start], 1)
        self.outputs, self._normal = self._equations(self.parameters)
        self._damping = torch.full_like(fits.scale, _DAMPING)

    def step_(self, *, last: bool = False) -> None:
        """Try one step of every problem, and take it where it helps.

        Arguments:
            last: Whether no other follows, so that derivatives are not needed.
        """
        gram, slope = self._normal[:, :-1, :-1], self._normal[:, :-1, -1:]
        scale = gram.diagonal(dim1=1, dim2=2)
        scale = torch.where(scale > 0, scale, 1.0)
        damped = gram + torch.diag_embed(scale * (self._damping[:, None] + 1e-12))
        factor, failure = torch.linalg.cholesky_ex(damped)
        trial = self.parameters - torch.cholesky_solve(slope, factor)[..., 0]
        trial = torch.where(trial.isfinite(), trial, self.parameters)
        if last:
            outputs = self._problem.outputs(trial[:, 2:])
            square = self._residuals(trial, outputs).mul_(self._roots[:, 0]).square().sum(1)
        else:
            outputs, normal = self._equations(trial)
            square = normal[:, -1, -1]
        better = (square < self._normal[:, -1, -1]) & (failure == 0)
        self.parameters = torch.where(better[:, None], trial, self.parameters)
        self.outputs = torch.where(better[:, None], outputs, self.outputs)
        if not last:
            self._normal = torch.where(better[:, None, None], normal, self._normal)
            self._damping = self._damping * torch.where(better, _LESS, _MORE)

    def _residuals(self, parameters: Tensor, outputs: Tensor) -> Tensor:
        return parameters[:, :1] * outputs + parameters[:, 1:2] - self._targets

    def _equations(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs, and products of the derivatives and the residuals, `(B, P + 3, P + 3)`.

        The last row and column are the residuals'; the last entry is infinite where something is
        not finite.
        """
        outputs, slopes = self._problem.linearised(parameters[:, 2:])
        columns = [outputs[:, None], torch.ones_like(outputs)[:, None]]
        columns += [slopes.mul_(parameters[:, :1, None])]
        columns += [self._residuals(parameters, outputs)[:, None]]
        joined = torch.cat(columns, 1).mul_(self._roots)
        products = joined @ joined.mT
        sound = products.isfinite().all(2).all(1)
        products = torch.where(sound[:, None, None], products, 0.0)
        products[:, -1, -1] = torch.where(sound, products[:, -1, -1], torch.inf)
        return outputs, products


class _Problem:
    """Outputs of programs as functions of their free gains.

    Arguments:
        tape: Of the programs.
        gains: At the start, `(B, M)`.
        free: Which of them are free, `(B, M)`.
        table: What leaves are worth.
    """

    def __init__(self, tape: Tape, gains: Tensor, free: Tensor, table: Tensor) -> None:
        self._tape, self._table, self._first = tape, table, gains
        self._descent = Descent(tape, free)
        most, slots = int(free.sum(1).max()), tape.heap.slots
        chosen = free.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
        self._none = ~free.gather(1, chosen)
        self._slots = chosen.masked_fill(self._none, slots)
        self.start = torch.nn.functional.pad(gains, (0, 1), value=1.0).gather(1, self._slots)
        """The free gains of each program, filled up with ones, `(B, P)`."""
        programs = torch.arange(len(gains), device=gains.device)[:, None]
        places = (programs * slots + chosen).masked_fill(self._none, 0)
        self._rows = tape.row[places].reshape(-1)
        self._edges = self._descent.edge[places].reshape(-1)

    def gains(self, free: Tensor) -> Tensor:
        """All gains `(B, M)` with the free ones `(B, P)` in their places."""
        free = torch.where(free.abs() < _SMALLEST, _SMALLEST, free)
        padded = torch.nn.functional.pad(self._first, (0, 1), value=1.0)
        return padded.scatter_(1, self._slots, free)[:, :-1].contiguous()

    def outputs(self, free: Tensor) -> Tensor:
        """What the roots give, `(B, N)`."""
        values = self._tape.values(self.gains(free), self._table)
        return values.index_select(0, self._tape.roots)

    def linearised(self, free: Tensor) -> tuple[Tensor, Tensor]:
        """What the roots give, `(B, N)`, and its derivatives, `(B, P, N)`, 0 if undefined."""
        gains = self.gains(free)
        values = self._tape.values(gains, self._table)
        slopes = self._descent.slopes(gains, values)
        columns = slopes.index_select(0, self._edges).mul_(values.index_select(0, self._rows))
        used = gains.gather(1, self._slots.clamp(max=gains.shape[1] - 1))
        columns = columns.view(*free.shape, -1).div_(used[..., None])
        columns = columns.masked_fill_(self._none[..., None], 0).nan_to_num_(0.0, 0.0, 0.0)
        return values.index_select(0, self._tape.roots), columns
