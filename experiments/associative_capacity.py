"""How many patterns an associative memory holds: `python -m experiments.associative_capacity`.

Random patterns of N values, each +1 or -1, are stored; some are shown with a tenth of their values
flipped (rounded down), and should come back with at most 1% of them wrong. The capacity is the
largest number of patterns of which 99% come back on average. The modern rule retrieves by
`esr.associative` and takes signs at rest; the classical rule stores the patterns in Hebbian
couplings and flips one unit at a time, in random order, until none wants to flip. The limit
0.138 N of the classical rule is that of large N, with 1.6% of the values wrong.

Source of the limit: Amit, Gutfreund, Sompolinsky (1985),
https://doi.org/10.1103/PhysRevLett.55.1530.
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from torch import Generator, Tensor

from esr.associative import StoredPatterns, find_fixed_point
from esr.random import RandomStreams

__all__ = ["Capacity", "Trial", "classical_rule", "largest_count", "main", "modern_rule"]

CLASSICAL_LIMIT = 0.138
SWEEPS = 50
LARGEST_PRODUCT = 2**21

Rule = Callable[[Tensor, Tensor, Generator], Tensor]
"""What is retrieved, `(B, P, N)`, given patterns `(B, n, N)`, probes `(B, P, N)`, a generator."""


def modern_rule(patterns: Tensor, probes: Tensor, generator: Generator) -> Tensor:
    """Signs where retrieval comes to rest, with beta = 4: close to the nearest pattern."""
    stored = StoredPatterns(patterns, beta=4.0)
    return find_fixed_point(stored, probes, tolerance=1e-3, steps=10).states.sign()


def classical_rule(patterns: Tensor, probes: Tensor, generator: Generator) -> Tensor:
    r"""Where asynchronous sign dynamics stops, with :math:`W = K^T K / N` and no self-coupling.

    Source: Hopfield (1982), https://doi.org/10.1073/pnas.79.8.2554.
    """
    units = patterns.shape[-1]
    couplings = patterns.mT @ patterns / units  # (B, N, N)
    couplings.diagonal(dim1=-2, dim2=-1).zero_()
    states = probes.clone()
    for _ in range(SWEEPS):
        before = states.clone()
        for unit in torch.randperm(units, generator=generator).tolist():  # one after another
            field = states @ couplings[:, :, unit, None]  # (B, P, 1)
            here = states[..., unit, None]
            states[..., unit, None] = torch.where(field == 0, here, field.sign())
        if torch.equal(states, before):
            break
    return states


@dataclass(frozen=True)
class Trial:
    """How a number of patterns is tried.

    Arguments:
        units: Values of a pattern, N.
        probes: Patterns that are shown, from as many sets of patterns as that takes.
        streams: Random streams.
    """

    units: int
    probes: int
    streams: RandomStreams

    def holds(self, rule: Rule, count: int) -> bool:
        """Whether 99% of `count` stored patterns come back from a tenth flipped."""
        flips, wrong = self.units // 10, self.units // 100
        generator = self.streams[f"{self.units}/{count}"]
        sets, shown = -(-self.probes // count), min(self.probes, count)
        patterns = _random_signs((sets, count, self.units), generator)
        lost, at_a_time = 0, max(1, LARGEST_PRODUCT // (sets * count))
        for originals in torch.split(patterns[:, :shown], at_a_time, dim=1):
            order = torch.rand(originals.shape, generator=generator).argsort(-1)
            probes = originals * torch.where(order < flips, -1.0, 1.0)
            errors = (rule(patterns, probes, generator) != originals).sum(-1)
            lost += int((errors > wrong).sum())
            if lost > 0.01 * sets * shown:  # whatever becomes of the rest
                return False
        return True

    def capacity(self, rule: Rule, most: int) -> "Capacity":
        """The largest number of patterns of which 99% come back, no more than `most` tried."""
        return largest_count(lambda count: self.holds(rule, count), most)


@dataclass(frozen=True)
class Capacity:
    """The largest number of patterns that come back.

    Arguments:
        count: That number.
        capped: Whether more might, as no more were tried.
    """

    count: int
    capped: bool

    def __str__(self) -> str:
        return f"{'at least ' if self.capped else ''}{self.count:,}"


def _random_signs(shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Values +1 or -1 with equal chances."""
    return torch.randint(2, shape, generator=generator, dtype=torch.int8).float() * 2 - 1


def largest_count(succeeds: Callable[[int], bool], most: int) -> Capacity:
    """Double a number until it fails, then halve the gap to within one part in 8.

    Arguments:
        succeeds: Whether so many patterns come back.
        most: No more than these are tried.
    """
    good, bad = 0, 1
    while succeeds(bad):
        good, bad = bad, min(2 * bad, most)
        if good == most:
            return Capacity(most, True)
    while bad - good > max(1, good // 8):
        middle = (good + bad) // 2
        good, bad = (middle, bad) if succeeds(middle) else (good, middle)
    return Capacity(good, False)


def growth(units: list[int], capacities: list[Capacity]) -> float | None:
    """The factor by which capacities that are not capped grow with each unit, fitted."""
    points = [
        (float(n), math.log(c.count))
        for n, c in zip(units, capacities, strict=True)
        if c.count and not c.capped
    ]
    if len(points) < 2:
        return None
    x, y = torch.tensor(points, dtype=torch.float64).T
    x, y = x - x.mean(), y - y.mean()
    return math.exp(float(x @ y / (x @ x)))


def draw_capacities(units: list[int], modern: list[Capacity], classical: list[Capacity]) -> Figure:
    """Both capacities against N, with the classical limit."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.semilogy(units, [c.count for c in modern], "o-", label="modern rule")
    capped = [(n, c.count) for n, c in zip(units, modern, strict=True) if c.capped]
    if capped:
        axes.semilogy(*zip(*capped, strict=True), "^", ms=10, label="no more were tried")
    axes.semilogy(units, [max(c.count, 1) for c in classical], "s-", label="Hebbian rule")
    axes.semilogy(units, [CLASSICAL_LIMIT * n for n in units], "k--", label="0.138 N")
    axes.set(xlabel="values of a pattern, N", ylabel="patterns restored")
    axes.legend()
    return figure


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, nargs="+", default=[16, 24, 32, 40, 48, 64])
    parser.add_argument("--most", type=int, default=2**17, help="largest number of patterns tried")
    parser.add_argument("--probes", type=int, default=1000, help="patterns shown of each number")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--figure", type=Path, help="where to draw the capacities, a PNG file")
    options = parser.parse_args()
    if min(options.units) < 10 or min(options.most, options.probes) < 1:
        parser.error("a pattern needs 10 values or more, everything else at least 1")
    torch.set_num_threads(options.threads)
    streams, modern, classical = RandomStreams(options.seed), [], []
    table = Table("N", "modern", "Hebbian", "0.138 N", title="patterns restored")
    for units in options.units:
        trial = Trial(units, options.probes, streams)
        modern.append(trial.capacity(modern_rule, options.most))
        classical.append(trial.capacity(classical_rule, options.most))
        limit = f"{CLASSICAL_LIMIT * units:.1f}"
        table.add_row(str(units), str(modern[-1]), str(classical[-1]), limit)
    console = Console()
    console.print(table)
    rate = growth(options.units, modern)
    if rate is not None:
        console.print(f"modern capacity grows by a factor {rate:.2f} with each value of a pattern")
    if options.figure is not None:
        draw_capacities(options.units, modern, classical).savefig(options.figure, dpi=120)


if __name__ == "__main__":
    main()
