"""The states of all chains, and how they move between temperatures."""

import math

import torch
from torch import Tensor

from esr.search.chains.draws import Draws
from esr.search.chains.energy import Fits
from esr.search.chains.heap import Programs

__all__ = ["Ladders", "Population"]


class Ladders:
    """R chains as L ladders of K temperatures each, the coldest first.

    Arguments:
        ladders: L, at least 1.
        rungs: K, at least 2.
        coldest: Lowest temperature.
        hottest: Highest temperature.
        groups: How many targets there are; half of the ladders aim at the first.
        device: Of all tensors.
    """

    def __init__(
        self,
        ladders: int,
        rungs: int,
        coldest: float,
        hottest: float,
        groups: int = 1,
        device: torch.device | str | None = None,
    ) -> None:
        self.count, self.rungs = ladders, rungs
        steps = torch.arange(rungs, dtype=torch.float64, device=device) / (rungs - 1)
        self.temperatures = (coldest * (hottest / coldest) ** steps).repeat(ladders)
        """Of each chain, `(R,)`."""
        others = max(1, groups - 1)
        aims = [0 if k % 2 == 0 or groups == 1 else 1 + k // 2 % others for k in range(ladders)]
        self.groups = torch.tensor(aims, device=device).repeat_interleave(rungs)
        """Which target each chain aims at, `(R,)`."""

    def __len__(self) -> int:
        return self.count * self.rungs

    def exchanged(self, energies: Tensor, odd: bool, draws: Draws) -> Tensor:
        """Which chain's state each takes when neighbours swap by Metropolis' rule.

        Arguments:
            energies: Shape `(R,)`.
            odd: Whether the lower partners are the odd rungs.
            draws: Where draws come from.
        Source: Hukushima and Nemoto (1996), J. Phys. Soc. Jpn. 65, 1604.
        """
        order = torch.arange(len(self), device=energies.device)
        rung = order % self.rungs
        lower = order[(rung % 2 == int(odd)) & (rung < self.rungs - 1)]
        upper, inverse = lower + 1, 1 / self.temperatures
        gain = (inverse[lower] - inverse[upper]) * (energies[lower] - energies[upper])
        swap = draws.uniform(len(lower)).log() < gain.nan_to_num(-math.inf)
        taken = order.clone()
        taken[lower] = torch.where(swap, upper, lower)
        taken[upper] = torch.where(swap, lower, upper)
        return taken


class Population:
    """The programs of R chains with their fits.

    Arguments:
        programs: R trees.
        fits: Theirs.
    """

    def __init__(self, programs: Programs, fits: Fits) -> None:
        self.programs, self.fits = programs, fits

    def __len__(self) -> int:
        return len(self.programs)

    @property
    def sound(self) -> Tensor:
        """Which chains have a state of finite energy, `(R,)`."""
        return self.fits.energy.isfinite()

    def put_(self, rows: Tensor, programs: Programs, fits: Fits) -> None:
        """Replace the states of some chains."""
        self.programs.put_(rows, programs)
        self.fits.put_(rows, fits)

    def reorder_(self, order: Tensor) -> None:
        """Give each chain the state of another."""
        self.programs, self.fits = self.programs.at(order), self.fits.at(order)

    def elites(self, share: float) -> Tensor:
        """The chains of lowest energy that have one, `(k,)`, best first."""
        order = self.fits.energy.argsort()
        order = order[: max(1, int(share * len(order)))]
        return order[self.sound[order]]
