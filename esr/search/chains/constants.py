"""Refitting the constants of many different programs at once."""

import torch
from torch import Tensor

from esr.search.chains.alphabet import Alphabet
from esr.search.chains.descent import Descent
from esr.search.chains.energy import Energy, Fits
from esr.search.chains.heap import Heap, Programs
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
        alphabet: The symbols.
        heap: The slots.
        energy: What is lowered.
        table: What leaves are worth, `(2 + D, N)`.
        steps: Trials of one refit.
        most: Free gains that a program may have to be refitted.
    Source: Marquardt (1963), https://doi.org/10.1137/0111030.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        heap: Heap,
        energy: Energy,
        table: Tensor,
        *,
        steps: int = 3,
        most: int = 8,
    ) -> None:
        self._alphabet, self._heap, self._energy, self._table = alphabet, heap, energy, table
        self._steps, self._most = steps, most
        self.evaluations = 0
        """Programs that were evaluated so far."""

    def free(self, programs: Programs) -> Tensor:
        """Which gains are free, `(B, M)`; the root's is not, the frame has it."""
        free = (programs.gains != 1) | (programs.symbols == self._alphabet.number)
        free = free & (programs.symbols > 0)
        free[:, 0] = False
        return free

    def refitted(self, programs: Programs, fits: Fits, groups: Tensor) -> tuple[Programs, Fits]:
        """Programs with better gains, and their fits; what cannot be refitted stays.

        Arguments:
            programs: B trees of finite energy.
            fits: Theirs.
            groups: Which target each aims at, `(B,)`.
        """
        free = self.free(programs)
        count = free.sum(1)
        rows = ((count > 0) & (count <= self._most)).nonzero()[:, 0]
        if not len(rows):
            return programs, fits
        tape = Tape(self._alphabet, self._heap, programs.symbols[rows])
        problem = _Problem(tape, programs.gains[rows], free[rows], self._table)
        best = _Descender(problem, self._energy, groups[rows], fits.at(rows))
        for _ in range(self._steps):
            best.step_()
        self.evaluations += len(rows) * (self._steps + 2)
        refitted = Programs(tape.symbols, problem.gains(best.parameters[:, 2:]))
        outputs = problem.outputs(best.parameters[:, 2:])
        judged = self._energy.fits(outputs, self._energy.sizes(refitted), groups[rows])
        better = judged.energy < fits.energy[rows]
        programs, fits = programs.clone(), fits.clone()
        programs.put_(rows[better], refitted.at(better))
        fits.put_(rows[better], judged.at(better))
        return programs, fits


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
        frames = torch.stack([fits.scale, fits.shift], 1)
        self.parameters = torch.cat([frames.to(problem.start), problem.start], 1)
        self._normal = self._equations(self.parameters)
        self._damping = torch.full_like(fits.scale, _DAMPING, dtype=torch.float64)

    def step_(self) -> None:
        """Try one step of every problem, and take it where it helps."""
        gram, slope = self._normal[:, :-1, :-1], self._normal[:, :-1, -1:]
        scale = gram.diagonal(dim1=1, dim2=2)
        scale = torch.where(scale > 0, scale, 1.0)
        damped = gram + torch.diag_embed(scale * self._damping[:, None] + 1e-12 * scale)
        factor, failure = torch.linalg.cholesky_ex(damped)
        move = torch.cholesky_solve(slope, factor)[..., 0]
        trial = self.parameters - move.to(self.parameters)
        trial = torch.where(trial.isfinite(), trial, self.parameters)
        normal = self._equations(trial)
        better = (normal[:, -1, -1] < self._normal[:, -1, -1]) & (failure == 0)
        self.parameters = torch.where(better[:, None], trial, self.parameters)
        self._normal = torch.where(better[:, None, None], normal, self._normal)
        self._damping = torch.where(better, self._damping * _LESS, self._damping * _MORE)

    def _equations(self, parameters: Tensor) -> Tensor:
        """Products of the derivatives and the residuals with each other, `(B, P + 3, P + 3)`.

        The last row and column are the residuals'; they are infinite where they are not finite.
        """
        outputs, slopes = self._problem.linearised(parameters[:, 2:])
        scale, shift = parameters[:, :1], parameters[:, 1:2]
        residuals = scale * outputs + shift - self._targets
        columns = [outputs[:, None], torch.ones_like(outputs)[:, None]]
        columns += [slopes.mul_(scale[..., None]), residuals[:, None]]
        joined = torch.cat(columns, 1).mul_(self._roots)
        products = (joined @ joined.mT).double()
        sound = products.isfinite().all(2).all(1)
        products = torch.where(sound[:, None, None], products, 0.0)
        products[:, -1, -1] = torch.where(sound, products[:, -1, -1], torch.inf)
        return products


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
        return self._tape.values(self.gains(free), self._table)[self._tape.roots]

    def linearised(self, free: Tensor) -> tuple[Tensor, Tensor]:
        """What the roots give, `(B, N)`, and its derivatives, `(B, P, N)`."""
        gains = self.gains(free)
        values = self._tape.values(gains, self._table)
        slopes = self._descent.slopes(gains, values)
        columns = slopes.index_select(0, self._edges).mul_(values.index_select(0, self._rows))
        factors = torch.where(self._none, 0.0, 1 / free)
        columns = columns.unflatten(0, free.shape).mul_(factors[..., None])
        columns = columns.masked_fill_(self._none[..., None], 0).nan_to_num_(0.0, 0.0, 0.0)
        return values.index_select(0, self._tape.roots), columns
