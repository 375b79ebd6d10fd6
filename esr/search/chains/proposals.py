"""Changed programs on their way to be judged, each with the chain that it belongs to."""

import math

import torch
from torch import Tensor

from esr.search.chains.draws import Draws
from esr.search.chains.heap import Programs
from esr.search.chains.mutations import Mutations
from esr.search.chains.population import Ladders, Population
from esr.search.chains.recall_moves import RecallMoves

__all__ = ["Proposals", "mutated", "recalled", "recalled_pairs"]

_TRIES = 3
"""Changes without a look at the data, of which a chain takes the best."""
_REDRAWN = 0.25
"""Share of the chains that redraw a subtree instead."""
_KINDS = 6
_FRESH = 0.3
"""Share of the hottest chains that start anew."""
_HOT = 0.6
"""Chains of temperatures above this share of the highest are the hottest."""
_PATTERNS = 2
_PAIRS, _SLOTS = 8, 2
"""Pairs of each kind at a slot, and slots that pairs are looked for at."""


class Proposals:
    """C programs and where they come from.

    Arguments:
        chains: The chain of each, `(C,)`.
        programs: C trees.
        hastings: Logarithm of Hastings' factor of each, `(C,)`; 0 unless given.
    """

    def __init__(self, chains: Tensor, programs: Programs, hastings: Tensor | None = None) -> None:
        self.chains, self.programs = chains, programs
        zero = torch.zeros(len(chains), dtype=torch.float64, device=chains.device)
        self.hastings = zero if hastings is None else hastings.double()

    def at(self, rows: Tensor) -> "Proposals":
        """Those of some rows."""
        return Proposals(self.chains[rows], self.programs.at(rows), self.hastings[rows])

    @staticmethod
    def joined(parts: "list[Proposals]") -> "Proposals":
        """One batch after another."""
        return Proposals(
            torch.cat([part.chains for part in parts]),
            Programs.joined([part.programs for part in parts]),
            torch.cat([part.hastings for part in parts]),
        )

    def drawn(self, energies: Tensor, temperatures: Tensor, draws: Draws) -> Tensor:
        """One proposal of each chain that has a sound one, by Boltzmann's weights, `(k,)`.

        Arguments:
            energies: Of the proposals, `(C,)`.
            temperatures: Of all chains, `(R,)`.
            draws: Where draws come from.
        """
        noise = -(-draws.uniform(len(energies)).clamp(min=1e-300).log()).log()
        score = noise * temperatures[self.chains] - energies
        score = torch.where(energies.isfinite(), score, -math.inf)
        best = torch.full_like(temperatures, -math.inf)
        best = best.scatter_reduce(0, self.chains, score, "amax")
        return ((score == best[self.chains]) & score.isfinite()).nonzero()[:, 0]


def mutated(
    population: Population, ladders: Ladders, mutations: Mutations, draws: Draws
) -> Proposals:
    """Changes that do not look at the data, for all chains.

    Some chains redraw one subtree, some start anew; the others try a few changes at once.
    """
    count = len(population)
    chain = torch.arange(count, device=ladders.temperatures.device)
    hot = ladders.temperatures >= _HOT * ladders.temperatures.max()
    anew = ~population.sound | (hot & (draws.uniform(count) < _FRESH))
    redrawn = ~anew & (draws.uniform(count) < _REDRAWN)
    fresh, redraw = chain[anew], chain[redrawn]
    parts = [Proposals(fresh, mutations.fresh(len(fresh)))]
    changed, hastings = mutations.redrawn(population.programs.at(redraw))
    parts.append(Proposals(redraw, changed, hastings))
    others = chain[~anew & ~redrawn].repeat(_TRIES)
    kinds = draws.integers(_KINDS, len(others))
    for kind in range(_KINDS):
        rows = others[kinds == kind]
        programs = population.programs.at(rows)
        if kind == 0:
            changed = mutations.replaced(programs)
        elif kind == 1:
            changed = mutations.freed(programs)
        elif kind == 2:
            changed = mutations.settled(programs)
        elif kind == 3:
            changed = mutations.lifted(programs)
        else:
            partner = draws.integers(count, len(rows))
            changed = mutations.crossed(programs, population.programs.at(partner))
        parts.append(Proposals(rows, changed))
    return Proposals.joined(parts)


def recalled(population: Population, ladders: Ladders, moves: RecallMoves) -> Proposals:
    """Patterns of the memory at a slot of each chain."""
    rows = population.sound.nonzero()[:, 0]
    sources, programs = moves.single(
        population.programs.at(rows),
        population.fits.at(rows),
        ladders.groups[rows],
        ladders.temperatures[rows],
        _PATTERNS,
    )
    return Proposals(rows[sources], programs)


def recalled_pairs(
    population: Population, ladders: Ladders, moves: RecallMoves, draws: Draws
) -> Proposals:
    """Sums and products of patterns at a slot of a few of the colder chains."""
    cold = population.sound & (ladders.temperatures <= ladders.temperatures.median())
    rows = cold.nonzero()[:, 0]
    rows = rows[draws.order(len(rows))[:_SLOTS]]
    sources, programs = moves.pairs(
        population.programs.at(rows), population.fits.at(rows), ladders.groups[rows], _PAIRS
    )
    return Proposals(rows[sources], programs)
