"""Episodic memory: parts of good programs become patterns."""

from torch import Tensor

from esr.equations import Expression, postorder
from esr.search.chains.landscape import Landscape
from esr.search.chains.population import Ladders, Population
from esr.search.memory import Memory

__all__ = ["remember_parts"]

_SMALLEST, _LARGEST = 4, 15
"""Nodes of a part that is worth remembering."""
_MOST = 16
"""Parts that are written at a time."""


def remember_parts(
    memory: Memory, landscape: Landscape, population: Population, ladders: Ladders
) -> int:
    """Write the parts of each ladder's best program into the memory.

    Arguments:
        memory: Where to.
        landscape: What programs are made of.
        population: The states.
        ladders: Of the chains.
    Returns:
        How many parts were new.
    """
    new = 0
    for chain in _best(population.fits.energy, ladders).tolist():
        if new >= _MOST or memory.full:
            break
        for part in _parts(landscape, population, chain):
            new += memory.write(part) is not None
    return new


def _best(energies: Tensor, ladders: Ladders) -> Tensor:
    """The chain of lowest energy of each ladder that has one, lowest first."""
    lowest, rung = energies.view(ladders.count, ladders.rungs).min(1)
    order = lowest.argsort()
    order = order[lowest[order].isfinite()]
    return order * ladders.rungs + rung[order]


def _parts(landscape: Landscape, population: Population, chain: int) -> list[Expression]:
    """The subtrees of one program that are worth it."""
    whole = landscape.alphabet.expression(
        population.programs.symbols[chain].tolist(), population.programs.gains[chain].tolist()
    )
    return [part for part in postorder(whole) if _SMALLEST <= part.complexity <= _LARGEST]
