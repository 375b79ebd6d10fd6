"""The search as a part of the energy core: tempered chains of programs under one energy."""

import math

import torch
from torch import Tensor

from esr.random import RandomStreams
from esr.search.chains.archive import Archive
from esr.search.chains.constants import ConstantRefit
from esr.search.chains.draws import Draws
from esr.search.chains.edges import EdgePotentials
from esr.search.chains.energy import Fits
from esr.search.chains.episodes import remember_parts
from esr.search.chains.heap import Programs
from esr.search.chains.landscape import Landscape
from esr.search.chains.mutations import Mutations
from esr.search.chains.patterns import Patterns
from esr.search.chains.population import Ladders, Population
from esr.search.chains.proposals import Proposals, mutated, recalled, recalled_pairs
from esr.search.chains.recall_moves import RecallMoves
from esr.search.chains.settings import Parts, Settings
from esr.search.chains.transforms import transforms
from esr.search.clock import Clock
from esr.search.front import SearchFront
from esr.search.memory import remember
from esr.search.question import NoRules, Question, Rows

__all__ = ["Chains"]

_SOURCE = "chains"
_RECALL_EVERY, _PAIRS_EVERY, _LEARN_EVERY, _POLISH_EVERY, _GROW_EVERY = 3, 6, 10, 12, 15
_PROPOSE_EVERY, _PROPOSED = 4, 1
"""Steps between two proposals to the front, and how many of inexact equations at a time."""
_WORTH = 0.5
"""Nats per row above the present energy up to which a change is refitted before it is judged."""
_ELITES, _RATE = 0.1, 0.1
"""Share of the chains that teach the potentials, and how fast they do."""
_POLISHING_STEPS = 5
_MEMORY_SHARE = 0.2
"""Share of the time that filling the memory may take."""


class Chains:
    """Searches for programs of low energy until time is over or an equation is exact.

    Chains at ladders of temperatures change programs on a heap of slots: subtrees drawn anew
    from potentials of the tree's edges, symbols replaced, gains freed and settled, subtrees
    exchanged; patterns of an associative memory retrieved at a slot, alone, beside or times what
    is there, and in pairs. Constants of promising changes are refitted, all chains' at once.
    What is better than anything as small is proposed to the front.

    A redrawn subtree is accepted by Metropolis and Hastings' rule, with the potentials for a
    prior, so that such moves alone would sample `P(v) exp(-E / T)` of programs without gains.
    The other moves propose by looking at energies, or take the best of several; they are
    accepted by Metropolis' rule as if they were symmetric, which makes them a search and no
    sampler.

    Arguments:
        parts: Which moves there are.
        settings: Sizes and temperatures.
    """

    def __init__(self, parts: Parts | None = None, settings: Settings | None = None) -> None:
        self.parts, self.settings = parts or Parts(), settings or Settings()

    @torch.no_grad()
    def search(self, front: SearchFront, clock: Clock, streams: RandomStreams) -> None:
        """Search for equations of `front.question`.

        Arguments:
            front: Where equations are proposed.
            clock: The time allowed.
            streams: `chains` feeds every draw.
        """
        run = _Run(self, front, clock, streams)
        while not clock.expired and not front.settled:
            run.step()


class _Run:
    """One search.

    Arguments:
        chains: What to do.
        front: Where equations are proposed.
        clock: The time allowed.
        streams: Where draws come from.
    """

    def __init__(
        self, chains: Chains, front: SearchFront, clock: Clock, streams: RandomStreams
    ) -> None:
        question, settings = front.question, chains.settings
        self._parts, self._front = chains.parts, front
        device = question.training.target.device
        self._draws = Draws(streams["chains"], device)
        rows = _some_rows(question.training, settings.rows, self._draws)
        found = transforms(rows.target, question.primitives)
        found = found if chains.parts.transforms else found[:1]
        self.landscape = Landscape(question, rows, found, settings.depth)
        self._archive = Archive(self.landscape, found)
        self._rules = _Rules(question, self.landscape)
        self.ladders = Ladders(
            settings.ladders(len(rows.target)),
            settings.rungs,
            settings.coldest,
            settings.hottest,
            len(found),
            device,
        )
        self.potentials = EdgePotentials(self.landscape.alphabet, self.landscape.heap)
        self._mutations = Mutations(
            self.landscape.alphabet, self.landscape.heap, self.potentials, self._draws
        )
        self._refit = ConstantRefit(self.landscape)
        self._polish = ConstantRefit(self.landscape, steps=_POLISHING_STEPS)
        if chains.parts.retrieval:
            here = Question(rows, question.validation, question.primitives, question.rules)
            self._memory = remember(here, settings.patterns, clock.part(_MEMORY_SHARE))
            patterns = Patterns(self._memory, self.landscape.alphabet, self.landscape.heap)
            self._recall = RecallMoves(
                self.landscape, patterns, self._draws, curvature=chains.parts.curvature
            )
        self.steps = 0
        programs = self._mutations.fresh(len(self.ladders))
        programs = self.landscape.framed(programs)
        self.population = Population(programs, self._judged(programs, self.ladders.groups))

    def step(self) -> None:
        """One change of every chain."""
        parts, step = self._parts, self.steps
        self._move()
        if parts.exchange:
            order = self.ladders.exchanged(self.population.fits.energy, step % 2 == 1, self._draws)
            self.population.reorder_(order)
        if parts.hebbian and step % _LEARN_EVERY == _LEARN_EVERY - 1:
            self._learn()
        if parts.refit and step % _POLISH_EVERY == _POLISH_EVERY // 2:
            self._improve()
        if parts.retrieval and parts.growth and step % _GROW_EVERY == _GROW_EVERY - 1:
            self._remember()
        for expression in self._archive.due(_PROPOSED if step % _PROPOSE_EVERY == 0 else 0):
            self._front.propose(expression, _SOURCE)
        self.steps += 1

    def _move(self) -> None:
        """Propose a change to every chain, and accept it or not."""
        ladders, population = self.ladders, self.population
        proposed = self._proposed()
        proposed.programs = self.landscape.framed(proposed.programs)
        fits = self.landscape.fits(proposed.programs, ladders.groups[proposed.chains])
        rows = proposed.drawn(fits.energy, ladders.temperatures, self._draws)
        proposed, fits = proposed.at(rows), fits.at(rows)
        chains = proposed.chains
        groups, before = ladders.groups[chains], population.fits.energy[chains]
        if self._parts.refit:
            worth = fits.energy < before + _WORTH
            self._refit.refit_(proposed.programs, fits, groups, worth)
        gain = (before - fits.energy) / ladders.temperatures[chains] + proposed.hastings
        accepted = self._draws.uniform(len(chains)).log() < gain.nan_to_num(-math.inf)
        accepted &= self._rules.tolerated(proposed.programs, accepted)
        taken = accepted.nonzero()[:, 0]
        proposed, fits = proposed.at(taken), fits.at(taken)
        population.put_(proposed.chains, proposed.programs, fits)
        self._archive.note(proposed.programs, fits, groups[taken])

    def _proposed(self) -> Proposals:
        """Changes for all chains: patterns in some steps, mutations in the others."""
        if not self._parts.retrieval or self.steps % _RECALL_EVERY:
            return mutated(self.population, self.ladders, self._mutations, self._draws)
        proposed = recalled(self.population, self.ladders, self._recall)
        if not self._parts.pairs or self.steps % _PAIRS_EVERY:
            return proposed
        pairs = recalled_pairs(self.population, self.ladders, self._recall, self._draws)
        return Proposals.joined([proposed, pairs])

    def _improve(self) -> None:
        """Refit the constants of all chains."""
        population, groups = self.population, self.ladders.groups
        self._polish.refit_(population.programs, population.fits, groups, population.sound)
        self._archive.note(population.programs, population.fits, groups)

    def _remember(self) -> None:
        """Let parts of good programs become patterns."""
        if remember_parts(self._memory, self.landscape, self.population, self.ladders):
            self._recall.refresh()

    def _learn(self) -> None:
        """Let the potentials learn from the best chains, equal ones once."""
        elites = self.population.elites(_ELITES)
        if len(elites):
            distinct = torch.unique(self.population.programs.symbols[elites], dim=0)
            self.potentials.learn_(distinct, _RATE)

    def _judged(self, programs: Programs, groups: Tensor) -> Fits:
        """Fits, of infinite energy where rules do not tolerate the program."""
        fits = self.landscape.fits(programs, groups)
        sound = fits.energy.isfinite()
        fits.energy[~self._rules.tolerated(programs, sound)] = math.inf
        return fits


class _Rules:
    """The rules' share of the energy: infinite for what no equation may have as a part.

    Arguments:
        question: Whose rules.
        landscape: What programs are made of.
    """

    def __init__(self, question: Question, landscape: Landscape) -> None:
        self._rules, self._alphabet = question.rules, landscape.alphabet

    def tolerated(self, programs: Programs, asked: Tensor) -> Tensor:
        """Which programs may be parts of an equation, `(B,)`; yes where it is not asked."""
        answer = torch.ones_like(asked)
        if isinstance(self._rules, NoRules):
            return answer
        for row in asked.nonzero()[:, 0].tolist():  # rules look at one expression at a time
            expression = self._alphabet.expression(
                programs.symbols[row].tolist(), programs.gains[row].tolist()
            )
            answer[row] = self._rules.tolerates(expression)
        return answer


def _some_rows(rows: Rows, most: int, draws: Draws) -> Rows:
    """At most so many rows, drawn among those that count."""
    used = rows.weights.nonzero()[:, 0]
    if not len(used):
        used = torch.arange(len(rows.target), device=rows.target.device)
    return rows.taken(used[draws.order(len(used))[:most]])
