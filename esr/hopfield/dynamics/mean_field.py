"""Potts mean field: relaxed states cooled until they decide."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.couplings import Couplings
from esr.hopfield.dynamics.activation import Softmax
from esr.hopfield.dynamics.conditionals import Conditionals
from esr.hopfield.dynamics.gibbs import ExternalField
from esr.hopfield.dynamics.graded import GradedDynamics, lowest_curvature
from esr.hopfield.dynamics.search import SearchProgress, Solution, Watcher, span_of_temperatures
from esr.hopfield.network import HopfieldNetwork
from esr.hopfield.spectrum.stability import safe_step

__all__ = ["MeanField", "anneal_mean_field"]

KICK = 0.01
"""Size of the noise, in temperatures, with which each level begins."""


@dataclass(frozen=True)
class MeanField:
    """Mean field annealing as a search: all slots at once, each step at the computed damping.

    Arguments:
        sweeps: Steps in all, at least 1.
        levels: Number of temperatures, falling geometrically, from 1 to `sweeps`.
        high: First temperature, positive; computed from the couplings unless given.
        low: Last temperature, positive; computed unless given.
    Raises:
        ConfigurationError: If a number is out of range.
    Source: Peterson and Soederberg (1989), Int. J. Neural Syst. 1(1), 3-22.
    """

    sweeps: int = 800
    levels: int = 40
    high: float | None = None
    low: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= self.sweeps:
            raise ConfigurationError(
                f"levels must be from 1 to sweeps={self.sweeps}, but is {self.levels}"
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
        """The symbols that each of R relaxed states decides for.

        Arguments:
            network: What to solve.
            replicas: Number of replicas R.
            generator: Draws kicks and starts.
            start: First states as discrete symbols, `(R, G)`; undecided unless given.
            external: Refused.
            watcher: Sees what the states stand for after each level, and may end the search.
        Raises:
            ConfigurationError: If there is an external field, whose exact values at zeros and
                ones say nothing of relaxed states.
        """
        if external is not None:
            raise ConfigurationError(
                "mean field takes no loss by exact fields; use trainer=graded, which follows the "
                "gradient of a relaxed loss, or trainer=annealing"
            )
        grid = network.discrete_grid
        couplings = Couplings(grid, network.discrete_terms, network.dtype)
        judged = Conditionals(grid, network.discrete_terms, network.allowed, dtype=network.dtype)
        high, low = span_of_temperatures(couplings, self.high, self.low)
        internal = torch.zeros(
            (replicas, grid.slots, grid.symbols), dtype=network.dtype, device=couplings.bias.device
        )
        if start is not None:
            internal = high * grid.one_hot(start, network.dtype)
        closed = torch.where(network.allowed, 0.0, -1e4 * high).to(internal)
        lowest = lowest_curvature(couplings, keeping_sums=True, generator=generator)
        steps, done = self.sweeps // self.levels, 0
        best = internal.argmax(2)
        best_energy = internal.new_full((replicas,), torch.inf)
        for level in range(self.levels):
            temperature = high * (low / high) ** (level / max(self.levels - 1, 1))
            internal = _settled(couplings, internal, temperature, lowest, steps, closed, generator)
            symbols = (internal + closed).argmax(2)
            energy = judged.energy(symbols)
            better = energy < best_energy
            best = torch.where(better[:, None], symbols, best)
            best_energy = torch.minimum(energy, best_energy)
            done += steps
            now = internal.new_full((replicas,), temperature)
            if watcher is not None and watcher(
                SearchProgress(done, symbols, energy, best_energy, now)
            ):
                break
        found = network.energy(network.states(best))
        return Solution(best, found, network.hard.violations(best), done)


def anneal_mean_field(
    couplings: Couplings,
    internal: Tensor,
    *,
    high: float,
    low: float,
    levels: int = 40,
    steps: int = 20,
    bias: Tensor | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Potts mean field at falling temperatures, each damped so that its free energy falls.

    Arguments:
        couplings: Of multilinear terms on a grid of groups.
        internal: First u, `(R, G, S)`.
        high: First temperature, positive.
        low: Last temperature, positive.
        levels: Number of temperatures, falling geometrically, at least 1.
        steps: Steps at each, at least 1.
        bias: From outside, `(R, G, S)` or what broadcasts to it.
        generator: Draws the kicks and the start of the eigenvalue search.
    Returns:
        Activations at the last temperature, `(R, G, S)`.
    Raises:
        ConfigurationError: If a number is out of range.
    """
    if not 0 < low <= high or levels < 1 or steps < 1:
        raise ConfigurationError(
            "mean field needs 0 < low <= high and at least one level and step, but has "
            f"low={low}, high={high}, levels={levels}, steps={steps}"
        )
    lowest = lowest_curvature(couplings, keeping_sums=True, generator=generator)
    for level in range(levels):
        temperature = high * (low / high) ** (level / max(levels - 1, 1))
        internal = _settled(couplings, internal, temperature, lowest, steps, bias, generator)
    return Softmax(low)(internal)


def _settled(
    couplings: Couplings,
    internal: Tensor,
    temperature: float,
    lowest: float,
    steps: int,
    bias: Tensor | None,
    generator: Generator | None,
) -> Tensor:
    """u after some damped steps at one temperature, begun with a kick.

    Above the critical temperature states settle on the symmetric fixed point to the last bit and
    would never leave it again without one.
    """
    activation = Softmax(temperature)
    kick = torch.empty_like(internal).normal_(generator=generator)
    dynamics = GradedDynamics(couplings, activation, safe_step(lowest, activation.slope))
    return dynamics.run(internal + KICK * temperature * kick, steps, bias)[0]
