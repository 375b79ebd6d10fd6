"""How long a population takes to train: `python -m experiments.population_speed`.

Small networks 1-8-7-8-1, each from its own start, learn random polynomials of degree at most 2
until their relative mean squared error is 1e-4: all by Levenberg-Marquardt steps, some by batched
Adam, a few by a loop of torch's Adam over networks. They are trained on 10 nodes of a quadrature
and checked on 24, in float64. Times include drawing and checking; ratios are of CPU times and of
networks that pass the check, except that every network of the loop counts.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from baselines.languages import Equations, polynomials
from baselines.population import (
    Architecture,
    BatchedAdam,
    Fitter,
    LevenbergMarquardt,
    OwnStarts,
    gauss_legendre,
    relative_errors,
)
from esr.errors import ConfigurationError
from experiments.population_loop import Loop

__all__ = ["Measured", "Speed", "main"]

SHARD = 10_000
"""Networks that are drawn, trained and checked together."""


@dataclass(frozen=True)
class Measured:
    """What it took.

    Arguments:
        networks: How many were trained.
        converged: How many of them pass the check.
        wall: Seconds.
        cpu: Seconds of all threads.
    """

    networks: int
    converged: int
    wall: float
    cpu: float

    @property
    def rate(self) -> float:
        """Networks a CPU second."""
        return self.networks / self.cpu

    def __str__(self) -> str:
        return (
            f"{self.networks:>8} networks, {self.converged / self.networks:8.3%} converged, "
            f"{self.wall:7.1f} s wall, {self.cpu:7.1f} s CPU, {self.rate:9.1f} networks/s"
        )


class Speed:
    """Trains random equations in several ways and takes the time.

    Arguments:
        seed: Of equations and starts, at least 0.
        tolerance: Relative error at which a network is done, and which the check demands.
    """

    def __init__(self, seed: int = 0, tolerance: float = 1e-4) -> None:
        self.seed, self.tolerance = seed, tolerance
        self.language, self.architecture = polynomials(2), Architecture()
        self.points, self.finer = gauss_legendre(10), gauss_legendre(24)

    def population(self, fitter: Fitter, networks: int) -> Measured:
        """Train so many networks at once, or a shard after the other."""

        def train() -> int:
            return sum(
                self._shard(fitter, first, min(SHARD, networks - first))
                for first in range(0, networks, SHARD)
            )

        return _timed(train, networks)

    def loop(self, networks: int) -> Measured:
        """Train so many networks one after the other, once a short one has warmed up."""
        drawn = self._drawn(0, networks)
        points, weights = (part.float() for part in self.points)
        targets = self._values(drawn, self.points.points).float()
        wanted = self._values(drawn, self.finer.points)
        generator = Generator().manual_seed(self.seed)
        warm_up = Loop(self.tolerance, steps=2)
        warm_up.train(points, weights, targets[:1], generator=generator)

        def train() -> int:
            loop = Loop(self.tolerance)
            trained = loop.train(points, weights, targets, generator=generator)
            with torch.no_grad():
                checked = torch.stack([one.double()(self.finer.points)[:, 0] for one in trained])
            errors = self.finer.mean((checked - wanted).square())
            return int((errors <= self.tolerance * self.finer.mean(wanted.square())).sum())

        return _timed(train, networks)

    def _shard(self, fitter: Fitter, first: int, count: int) -> int:
        """Train the networks from `first` on; how many pass the check."""
        drawn = self._drawn(first, count)
        start = OwnStarts().draw(self.architecture, first, count, self.seed)
        targets = self._values(drawn, self.points.points)
        fitted = fitter.fit(self.architecture, start, targets, self.points, self.tolerance)
        wanted = self._values(drawn, self.finer.points)
        errors = relative_errors(self.architecture, fitted.weights, wanted, self.finer)
        return int((errors <= self.tolerance).sum())

    def _drawn(self, first: int, count: int) -> Equations:
        generator = Generator().manual_seed(self.seed + first)
        return self.language.draw(count, generator=generator)

    def _values(self, equations: Equations, points: Tensor) -> Tensor:
        numbers = self.language.values(equations)
        return self.language.evaluate(equations.skeletons, numbers, points)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=100_000, help="by Levenberg-Marquardt")
    parser.add_argument("--adam", type=int, default=2000, help="networks by batched Adam")
    parser.add_argument("--loop", type=int, default=3, help="networks one after the other")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in ("networks", "adam", "loop", "threads"):
        if getattr(options, name) < 1:
            raise ConfigurationError(
                f"--{name} must be at least 1, but is {getattr(options, name)}"
            )
    torch.set_num_threads(options.threads)
    speed = Speed(options.seed)
    ours = speed.population(LevenbergMarquardt(), options.networks)
    print(f"Levenberg-Marquardt {ours}; {_peak_megabytes():.0f} MB at most", flush=True)
    adam = speed.population(BatchedAdam(), options.adam)
    print(f"batched Adam        {adam}", flush=True)
    loop = speed.loop(options.loop)
    print(f"loop, torch's Adam  {loop}")
    for name, one in (("Levenberg-Marquardt", ours), ("batched Adam", adam)):
        ratio = one.converged / one.cpu / loop.rate
        print(f"{name} trains {ratio:.0f} times as many networks a second as the loop")


def _timed(train: Callable[[], int], networks: int) -> Measured:
    wall, cpu = time.perf_counter(), time.process_time()
    converged = train()
    return Measured(networks, converged, time.perf_counter() - wall, time.process_time() - cpu)


def _peak_megabytes() -> float:
    """The process's largest resident memory so far."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
