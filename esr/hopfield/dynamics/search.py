"""Searching for states of low energy: annealing and replica exchange, all replicas at once."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.couplings import Couplings
from esr.hopfield.dynamics.conditionals import Conditionals
from esr.hopfield.dynamics.gibbs import ExternalField, GibbsSampler
from esr.hopfield.network import HopfieldNetwork

__all__ = ["Annealing", "ReplicaExchange", "SearchProgress", "Solution", "Watcher"]


@dataclass(frozen=True)
class Solution:
    """What a search found: the best state each replica met.

    Arguments:
        symbols: Discrete symbols, `(R, G)`.
        energy: Energy of the soft rules, `(R,)`.
        violations: Broken instances of hard rules, `(R,)`; a state satisfies all of them where
            it is zero.
        sweeps: How often each slot was updated.
    """

    symbols: Tensor
    energy: Tensor
    violations: Tensor
    sweeps: int

    @property
    def satisfied(self) -> Tensor:
        """Whether each replica's state keeps every hard rule, bool `(R,)`."""
        return self.violations == 0

    @property
    def best(self) -> int:
        """The replica with the fewest violations, and among those the lowest energy."""
        fewest = self.violations == self.violations.min()
        return int(torch.where(fewest, self.energy.double(), torch.inf).argmin())


@dataclass(frozen=True)
class SearchProgress:
    """Where a search is, for those who watch it or want to end it.

    Arguments:
        sweep: Sweeps done.
        symbols: The present states, `(R, G)`.
        energy: Their energies, with a price on broken hard rules and with what is outside,
            `(R,)`.
        best_energy: The lowest each replica has met, `(R,)`.
        temperature: Of each replica, `(R,)`.
    """

    sweep: int
    symbols: Tensor
    energy: Tensor
    best_energy: Tensor
    temperature: Tensor


Watcher = Callable[[SearchProgress], bool]
"""Called now and then during a search; returns whether to stop."""


class _Search:
    """What annealing and replica exchange share: sweeps, and the best state of each replica."""

    def __init__(
        self, sweeps: int, high: float | None, low: float | None, watch_every: int
    ) -> None:
        if sweeps < 1 or watch_every < 1:
            raise ConfigurationError(
                f"sweeps and watch_every must be at least 1, but are {sweeps} and {watch_every}"
            )
        for name, value in (("high", high), ("low", low)):
            if value is not None and not value > 0:
                raise ConfigurationError(f"{name} must be a positive temperature, but is {value}")
        if high is not None and low is not None and low > high:
            raise ConfigurationError(f"low must not be above high, but is {low} > {high}")
        self.sweeps, self.high, self.low, self.watch_every = sweeps, high, low, watch_every

    def _run(
        self,
        network: HopfieldNetwork,
        sampler: GibbsSampler,
        symbols: Tensor,
        temperature: Callable[[int], Tensor],
        exchange: Callable[[int, Tensor, Tensor], Tensor] | None,
        watcher: Watcher | None,
        generator: Generator | None,
    ) -> Solution:
        external = sampler.external
        energy = _total(sampler, symbols)
        best, best_energy, done = symbols.clone(), energy.clone(), 0
        for sweep in range(self.sweeps):
            now = temperature(sweep)
            symbols, rise = sampler.sweep(symbols, now, generator=generator)
            energy = energy + rise if external is None else _total(sampler, symbols)
            better = energy < best_energy
            best = torch.where(better[:, None], symbols, best)
            best_energy = torch.minimum(energy, best_energy)
            if exchange is not None:
                order = exchange(sweep, energy, now)
                symbols, energy = symbols[order], energy[order]
            done = sweep + 1
            if watcher is not None and done % self.watch_every == 0:
                progress = SearchProgress(done, symbols, energy, best_energy, now)
                if watcher(progress):
                    break
        states = network.states(best)
        return Solution(best, network.energy(states), network.hard.violations(best), done)


class Annealing(_Search):
    """Gibbs sampling while the temperature falls geometrically, each replica on its own.

    Arguments:
        sweeps: How often each slot is updated, at least 1.
        high: First temperature, positive; computed from the couplings unless given.
        low: Last temperature, positive and not above `high`; computed unless given. The same as
            `high` for sampling at one temperature.
        watch_every: Sweeps between calls of a watcher.
    Raises:
        ConfigurationError: If a number is out of range.
    Source: Kirkpatrick, Gelatt, Vecchi (1983), Science 220, 671-680.
    """

    def __init__(
        self,
        sweeps: int = 500,
        high: float | None = None,
        low: float | None = None,
        watch_every: int = 10,
    ) -> None:
        super().__init__(sweeps, high, low, watch_every)

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
        """The best state that each of R replicas meets.

        Arguments:
            network: What to solve.
            replicas: Number of replicas R.
            start: First states as discrete symbols, `(R, G)`; drawn unless given.
            external: An energy from outside, such as a loss; slots are then updated one by one.
            watcher: Sees the progress and may end the search.
        """
        sampler = make_sampler(network, external)
        high, low = span_of_temperatures(sampler.conditionals.couplings, self.high, self.low)
        symbols = start if start is not None else draw(network, replicas, generator=generator)
        like = sampler.conditionals.bias

        def temperature(sweep: int) -> Tensor:
            fraction = sweep / max(self.sweeps - 1, 1)
            return like.new_full((len(symbols),), high * (low / high) ** fraction)

        return self._run(network, sampler, symbols, temperature, None, watcher, generator)


class ReplicaExchange(_Search):
    """Gibbs sampling at a ladder of temperatures, with exchanges between neighbouring rungs.

    Replicas form chains of `rungs`; states wander up to be loosened and down to settle.

    Arguments:
        rungs: Temperatures of a chain, at least 2; they divide the number of replicas.
        sweeps: How often each slot is updated, at least 1.
        high: Highest temperature, positive; computed from the couplings unless given.
        low: Lowest temperature, positive; computed unless given.
        watch_every: Sweeps between calls of a watcher.
    Raises:
        ConfigurationError: If a number is out of range.
    Source: Swendsen and Wang (1986), Phys. Rev. Lett. 57, 2607; Hukushima and Nemoto (1996),
        J. Phys. Soc. Jpn. 65, 1604.
    """

    def __init__(
        self,
        rungs: int = 16,
        sweeps: int = 500,
        high: float | None = None,
        low: float | None = None,
        watch_every: int = 10,
    ) -> None:
        super().__init__(sweeps, high, low, watch_every)
        if rungs < 2:
            raise ConfigurationError(f"rungs must be at least 2, but is {rungs}")
        self.rungs = rungs

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
        """As `Annealing.solve`; `replicas` must be a multiple of `rungs`."""
        if replicas % self.rungs:
            raise ConfigurationError(
                f"replicas must be a multiple of rungs={self.rungs}, but is {replicas}"
            )
        sampler = make_sampler(network, external)
        high, low = span_of_temperatures(sampler.conditionals.couplings, self.high, self.low)
        symbols = start if start is not None else draw(network, replicas, generator=generator)
        like = sampler.conditionals.bias
        steps = torch.arange(self.rungs, device=like.device, dtype=like.dtype) / (self.rungs - 1)
        ladder = (low * (high / low) ** steps).repeat(replicas // self.rungs)

        def exchange(sweep: int, energy: Tensor, temperature: Tensor) -> Tensor:
            return self._exchanged(sweep % 2, energy, temperature, generator)

        return self._run(
            network, sampler, symbols, lambda sweep: ladder, exchange, watcher, generator
        )

    def _exchanged(
        self, parity: int, energy: Tensor, temperature: Tensor, generator: Generator | None
    ) -> Tensor:
        """Which replica's state each takes: even or odd neighbours swap by Metropolis' rule."""
        replicas = len(energy)
        order = torch.arange(replicas, device=energy.device)
        lower = order[(order % self.rungs % 2 == parity) & (order % self.rungs < self.rungs - 1)]
        upper = lower + 1
        slope = 1 / temperature[lower] - 1 / temperature[upper]
        chance = (slope * (energy[lower] - energy[upper])).clamp(max=0).exp()
        uniform = torch.rand(
            len(lower), generator=generator, device=energy.device, dtype=energy.dtype
        )
        swap = uniform < chance
        order[lower] = torch.where(swap, upper, lower)
        order[upper] = torch.where(swap, lower, upper)
        return order


def span_of_temperatures(
    couplings: Couplings, high: float | None, low: float | None
) -> tuple[float, float]:
    """The highest and the lowest temperature, computed from the couplings unless given.

    At the highest the couplings hardly matter, at the lowest even the weakest one does.
    """
    if high is not None and low is not None:
        return high, low
    weights = [couplings.entries()[1].abs()]
    weights += [part.weights.abs() for part in couplings.higher_orders()]
    sizes = torch.cat([couplings.bias.abs().flatten(), *weights])
    sizes = sizes[sizes > 0]
    if not len(sizes):
        return high or low or 1.0, low or high or 1.0
    highest = high if high is not None else 2 * float(sizes.max())
    lowest = low if low is not None else 0.1 * float(sizes.min())
    return max(highest, lowest), min(lowest, highest)


def _total(sampler: GibbsSampler, symbols: Tensor) -> Tensor:
    """Energy of the network and of what is outside, `(R,)`."""
    energy = sampler.conditionals.energy(symbols)
    if sampler.external is None:
        return energy
    return energy + sampler.external.energy(symbols).to(energy)


def make_sampler(network: HopfieldNetwork, external: ExternalField | None) -> GibbsSampler:
    """A Gibbs sampler over the network's discrete terms and masks."""
    conditionals = Conditionals(
        network.discrete_grid,
        network.discrete_terms,
        network.allowed,
        one_by_one=external is not None,
        dtype=network.dtype,
    )
    return GibbsSampler(conditionals, external)


def draw(network: HopfieldNetwork, replicas: int, *, generator: Generator | None = None) -> Tensor:
    """Symbols `(R, G)` drawn uniformly among those that each slot may take."""
    noise = torch.rand(
        (replicas, *network.allowed.shape), generator=generator, device=network.allowed.device
    )
    return noise.masked_fill(~network.allowed, -1).argmax(2)
