"""Which of the programs met are worth the price of a proposal to the front."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.equations import Expression
from esr.search.chains.alphabet import scaled
from esr.search.chains.energy import Fits
from esr.search.chains.heap import Programs
from esr.search.chains.landscape import Landscape
from esr.search.chains.transforms import Transform

__all__ = ["Archive"]

_BETTER = 0.9
"""Share of the error that what replaces an entry may leave."""
_EXACT = 1e-14
"""Relative error at which a program is proposed at once."""
_LOOKED_AT = 8
"""Programs of a batch that are looked at."""


@dataclass
class _Entry:
    """A program of the archive.

    Arguments:
        error: Relative to the variance of its target.
        energy: Its energy.
        expression: Written out, for the target as it was given.
    """

    error: float
    energy: float
    expression: Expression
    proposed: bool = False


class Archive:
    """For each target and size the best program met, unless a smaller one is about as good.

    Arguments:
        landscape: The data.
        transforms: Functions of the target that programs aim at.
    """

    def __init__(self, landscape: Landscape, transforms: list[Transform]) -> None:
        self._landscape, self._transforms = landscape, transforms
        self._entries: list[dict[int, _Entry]] = [{} for _ in transforms]

    def note(self, programs: Programs, fits: Fits, groups: Tensor) -> None:
        """Keep what is good among some programs.

        Arguments:
            programs: B trees.
            fits: Theirs.
            groups: Which target each aims at, `(B,)`.
        """
        rows = fits.energy.argsort()[:_LOOKED_AT]
        programs, fits, groups = programs.at(rows), fits.at(rows), groups[rows]
        sizes = self._landscape.sizes(programs) + fits.frame_nodes
        numbers = torch.stack(
            [fits.energy, fits.error, fits.scale, fits.shift, sizes.double(), groups.double()], 1
        )
        for row, (energy, error, scale, shift, size, group) in enumerate(numbers.tolist()):
            entries = self._entries[int(group)]
            if not math.isfinite(energy) or any(
                s <= size and error >= _BETTER * e.error for s, e in entries.items()
            ):
                continue
            for worse in [s for s, e in entries.items() if s >= size and e.error >= error]:
                del entries[worse]
            expression = self.written(programs, row, scale, shift, int(group))
            entries[int(size)] = _Entry(error, energy, expression)

    def written(
        self, programs: Programs, row: int, scale: float, shift: float, group: int
    ) -> Expression:
        """One program with its frame, for the target as it was given."""
        expression = self._landscape.alphabet.expression(
            programs.symbols[row].tolist(), programs.gains[row].tolist()
        )
        expression = scaled(expression, scale)
        if shift != 0:
            expression = expression + shift if shift > 0 else expression - -shift
        return self._transforms[group].back(expression)

    def due(self, most: int) -> list[Expression]:
        """What to propose now: what is exact, and at most so many others, the best first.

        Arguments:
            most: Largest number of those that are not exact.
        """
        waiting = [e for entries in self._entries for e in entries.values() if not e.proposed]
        exact = [e for e in waiting if e.error < _EXACT]
        rest = sorted((e for e in waiting if e.error >= _EXACT), key=lambda e: e.energy)
        chosen = exact + rest[:most]
        for entry in chosen:
            entry.proposed = True
        return [entry.expression for entry in chosen]
