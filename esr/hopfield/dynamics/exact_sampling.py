"""Exact draws as a search: where slots form a forest, draws are independent of each other."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.discrete import as_groups
from esr.hopfield.dynamics.gibbs import ExternalField
from esr.hopfield.dynamics.search import SearchProgress, Solution, Watcher
from esr.hopfield.exact.pairwise import forest_of
from esr.hopfield.network import HopfieldNetwork

__all__ = ["ExactSampling"]


@dataclass(frozen=True)
class ExactSampling:
    """Independent exact draws from the Boltzmann distribution; every one keeps every hard rule.

    Arguments:
        sweeps: Draws of each replica, of which it keeps the best, at least 1. One for samples
            of the distribution itself.
        temperature: Positive, in units of energy.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    sweeps: int = 1
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.sweeps < 1 or not self.temperature > 0:
            raise ConfigurationError(
                f"sweeps must be at least 1 and temperature positive, but they are {self.sweeps} "
                f"and {self.temperature}"
            )

    def solve(
        self,
        network: HopfieldNetwork,
        replicas: int,
        *,
        generator: Generator | None = None,
        start: Tensor | None = None,
        external: ExternalField | None = None,
        watcher: Watcher | None = None,
    ) -> Solution:
        """The best of some exact draws for each replica.

        Arguments:
            network: Of pairwise rules between slots that form a forest.
            replicas: Number of replicas R.
            generator: Feeds the draws.
            start: Not used: draws do not depend on what was before.
            external: Judges draws; it does not change how they are drawn.
            watcher: Sees each round of draws and may end the search.
        Raises:
            ConfigurationError: If the slots form no forest, or rules couple more than two.
        """
        grid, terms = as_groups(network.grid, network.terms)
        forest = forest_of(grid, terms, self.temperature)
        if forest is None:
            raise ConfigurationError(
                "exact draws need slots that form a forest, coupled by pairs alone, and these do "
                "not; use Annealing or ReplicaExchange (trainer=annealing, trainer=exchange)"
            )
        best, best_energy, done = torch.zeros(0), torch.zeros(0), 0
        for sweep in range(self.sweeps):
            symbols = forest.sample(replicas, generator=generator)
            energy = network.energy(network.states(symbols))
            if external is not None:
                energy = energy + external.energy(symbols).to(energy)
            if sweep == 0:
                best, best_energy = symbols, energy
            better = energy < best_energy
            best = torch.where(better[:, None], symbols, best)
            best_energy = torch.minimum(energy, best_energy)
            done = sweep + 1
            now = energy.new_full((replicas,), self.temperature)
            if watcher is not None and watcher(
                SearchProgress(done, symbols, energy, best_energy, now)
            ):
                break
        found = network.energy(network.states(best))
        return Solution(best, found, network.hard.violations(best), done)
