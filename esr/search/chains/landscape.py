"""What programs are judged on: rows, targets, and the energy of each program there."""

import math

import torch
from torch import Tensor

from esr.search.chains.alphabet import Alphabet
from esr.search.chains.energy import Energy, Fits
from esr.search.chains.heap import Heap, Programs
from esr.search.chains.tape import Tape
from esr.search.chains.transforms import Transform
from esr.search.question import Question, Rows

__all__ = ["Landscape"]

_LEAST_NODE, _MOST_NODE = 0.01, 0.05
"""Bounds on what a node costs, in nats per row."""


class Landscape:
    """Programs in some variables, some rows of data, and the energy of the ones on the others.

    A node costs ln 20 nats for all rows together, as in the description length by which fronts
    choose, within bounds.

    Arguments:
        question: What is asked.
        rows: The rows that energies are computed on.
        transforms: Functions of the target that programs may aim at, G of them.
        depth: Levels of the heap.
    """

    def __init__(
        self, question: Question, rows: Rows, transforms: list[Transform], depth: int
    ) -> None:
        device = rows.target.device
        self.alphabet = Alphabet(question.primitives, question.variables, device)
        self.heap = Heap(depth, device)
        self.table = self.alphabet.table(rows.inputs)
        """What leaves are worth, `(2 + D, N)`."""
        node = math.log(20) / max(1, len(question.training.target))
        self.energy = Energy(
            torch.stack([transform.forward(rows.target) for transform in transforms]),
            rows.weights,
            min(max(node, _LEAST_NODE), _MOST_NODE),
            question.max_complexity,
        )
        self.evaluations = 0
        """Programs that were evaluated so far; one with its derivatives counts as one."""

    def fits(self, programs: Programs, groups: Tensor) -> Fits:
        """How well programs do.

        Arguments:
            programs: B valid trees.
            groups: Which target each aims at, `(B,)`.
        """
        tape = self.tape(programs.symbols)
        self.evaluations += len(programs)
        outputs = tape.values(programs.gains, self.table).index_select(0, tape.roots)
        return self.energy.fits(outputs, self.sizes(programs), groups)

    def tape(self, symbols: Tensor) -> Tape:
        """The order in which B trees `(B, M)` are computed."""
        return Tape(self.alphabet, self.heap, symbols)

    def sizes(self, programs: Programs) -> Tensor:
        """Nodes of programs written out, `(B,)`."""
        symbols = programs.symbols
        scaled = (programs.gains != 1) & (symbols != self.alphabet.number) & (symbols > 0)
        turned = scaled & (programs.gains == -1)  # a sign is one node, a factor and its sign two
        return self.alphabet.costs[symbols].sum(1) + 2 * scaled.sum(1) - turned.sum(1)

    def framed(self, programs: Programs) -> Programs:
        """Programs without the root's gain, which the frame has."""
        root = programs.symbols[:, :1] == self.alphabet.number
        gains = programs.gains.clone()
        gains[:, :1] = torch.where(root, gains[:, :1], 1.0)
        return Programs(programs.symbols, gains)
