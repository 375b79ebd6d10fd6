"""What the energy core solves, and how fast: `python -m experiments.hopfield_benchmark`.

Runs the tasks made of rules by their configurations, in this process, on many seeds or instances,
and prints how many are solved and the CPU time of each; then the neuron updates per CPU-second of
graded dynamics and the memory of a large problem. `--original PATH` measures the source of the
first EnergySymbolicRegression beside it (PATH holds its folders `model` and `easytools`).
"""

import argparse
import math
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from hydra.utils import instantiate
from rich.console import Console
from rich.table import Table

from esr.errors import suggestion
from esr.hopfield import (
    Annealing,
    Couplings,
    GradedDynamics,
    HopfieldNetwork,
    Sigmoid,
    computed_step,
)
from esr.optim import HebbianOptimizer
from esr.random import RandomStreams
from esr.rules import standard
from experiments.arguments import CONFIGS
from experiments.configurations import compose_config
from experiments.hopfield_original import NEURONS, original_rates
from experiments.tasks.rules import Rules

__all__ = ["main", "run_once"]

MANY = 8192
"""Replicas in the comparison with the first program, which has one."""

SUDOKUS = Path(__file__).parent / "tasks" / "sudokus.txt"


@dataclass(frozen=True)
class Outcome:
    """How one run of a task ended.

    Arguments:
        metrics: The conclusion's.
        seconds: CPU time from making the task to its judged result, without figures.
    """

    metrics: Mapping[str, float]
    seconds: float


def run_once(task: str, seed: int, settings: Sequence[str] = ()) -> Outcome:
    """Run a task by its configuration, without a record."""
    config = compose_config([f"+task={task}", *settings], [CONFIGS])
    start = time.process_time()
    streams = RandomStreams(seed)
    problem = instantiate(config.task, _convert_="all")
    trainer = instantiate(config.trainer, _convert_="all")(phases=problem.phases)
    if not isinstance(problem, Rules):
        raise TypeError(f"{task} is not made of rules")
    problem.prepare(streams, torch.device("cpu"))
    model = problem.build(instantiate(config.model, _convert_="all"), config.replicas, streams)
    trainer.fit(model, problem, streams)
    metrics = problem.judge_model(model)
    return Outcome(metrics, time.process_time() - start)


def _value(seeds: int) -> list[str]:
    runs = [run_once("value", seed) for seed in range(seeds)]
    hits = sum(run.metrics["solved"] == 1 for run in runs)
    valid = min(run.metrics["best_valid"] for run in runs)
    times = [run.seconds for run in runs]
    return [
        f"{hits} of {seeds} seeds exact, every reported string valid: "
        f"{'yes' if valid == 1 else 'no'}; CPU-s a seed: mean {sum(times) / seeds:.2f}, "
        f"at most {max(times):.2f}"
    ]


def _queens(seeds: int) -> list[str]:
    lines = []
    for size in (8, 16, 32):
        runs = [run_once("queens", seed, [f"task.size={size}"]) for seed in range(seeds)]
        shares = ", ".join(f"{run.metrics['solved_share']:.1%}" for run in runs)
        times = ", ".join(f"{run.seconds:.1f}" for run in runs)
        lines.append(f"n={size}: {shares} of 128 replicas (seeds 0..{seeds - 1}); CPU-s {times}")
    return lines


def _colouring(seeds: int) -> list[str]:
    runs = [run_once("colouring", seed) for seed in range(seeds)]
    shares = [run.metrics["solved_share"] for run in runs]
    return [
        f"{sum(share > 0 for share in shares)} of {seeds} instances solved; replicas solved: mean "
        f"{sum(shares) / seeds:.1%}, least {min(shares):.1%}; CPU-s at most "
        f"{max(run.seconds for run in runs):.1f}"
    ]


def _sudoku(seeds: int) -> list[str]:
    lines = []
    rows = [line.split() for line in SUDOKUS.read_text().splitlines() if line[:1] not in "#"]
    for name, puzzle in rows:
        runs = [run_once("sudoku", seed, [f"task.puzzle='{puzzle}'"]) for seed in range(seeds)]
        solved = sum(run.metrics["solved"] == 1 for run in runs)
        times = ", ".join(f"{run.seconds:.1f}" for run in runs)
        lines.append(f"{name}: {solved} of {seeds} seeds; CPU-s {times}")
    return lines


def _timetable(seeds: int) -> list[str]:
    runs = [run_once("timetable", seed) for seed in range(seeds)]
    return [
        f"seed {seed}: {run.metrics['solved_share']:.0%} of replicas keep every rule, best energy "
        f"{run.metrics['best_energy']:.3g}"
        for seed, run in enumerate(runs)
    ]


def _throughput(seeds: int) -> list[str]:
    """Updates of the first program's 160 neurons per CPU-second, by structured and dense Q."""
    compiled = standard("arithmetic").compile()
    couplings = Couplings(compiled.grid, compiled.terms)
    full = Couplings(compiled.grid, compiled.terms, full=True)
    activation, lines = Sigmoid(5.0), []
    step = computed_step(couplings, activation, generator=torch.Generator().manual_seed(0))
    for replicas in (1, 64, 1024):
        for name, energy in (("structured", couplings), ("full", full)):
            dynamics = GradedDynamics(energy, activation, step)
            internal = torch.full((replicas, compiled.grid.slots, compiled.grid.symbols), 0.5)
            rates = [_rate(dynamics, internal) for _ in range(max(3, seeds))]
            lines.append(
                f"{replicas} replicas, {name} Q: {max(rates):.3g} neuron updates a CPU-second"
            )
    return lines


@torch.no_grad()
def _rate(dynamics: GradedDynamics, internal: torch.Tensor) -> float:
    dynamics.run(internal, 3)
    steps, start = max(3, 20000 // len(internal)), time.process_time()
    dynamics.run(internal, steps)
    return steps * internal.numel() / (time.process_time() - start)


def _memory(seeds: int) -> list[str]:
    """Peak memory added by 64 positions x 32 symbols with 256 replicas, graded and Gibbs."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    letters = [chr(97 + index) for index in range(16)]
    alphabet = ["N", *"0123456789", "+", "-", "*", "/", "x", *letters]
    compiled = standard("arithmetic").compile(parameters={"length": 64}, axes={"symbol": alphabet})
    couplings = Couplings(compiled.grid, compiled.terms)
    dynamics = GradedDynamics(couplings, Sigmoid(5.0), 0.01)
    dynamics.run(torch.rand(256, 64, 32), 5, record_every=0)
    grouped = standard("infix").compile(parameters={"length": 64}, axes={"symbol": alphabet})
    network = HopfieldNetwork(grouped.grid, grouped.terms)
    found = Annealing(sweeps=20).solve(network, 256, generator=torch.Generator().manual_seed(0))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        f"process {before:.0f} MiB before, at most {after:.0f} MiB during: "
        f"{after - before:.0f} MiB ({math.prod(found.symbols.shape) * 32} neurons; Q has "
        f"{len(couplings.entries()[1])} entries in {len(couplings.structured())} blocks)"
    ]


def _with_loss(replicas: int) -> float:
    """Neuron updates a CPU-second of the value task by graded dynamics, its loss fed back."""
    config = compose_config(["+task=value", "trainer=graded"], [CONFIGS])
    task = instantiate(config.task, _convert_="all")
    streams = RandomStreams(0)
    task.prepare(streams, torch.device("cpu"))
    model = task.build(instantiate(config.model, _convert_="all"), replicas, streams)
    optimizer, neurons = HebbianOptimizer(model.parameters(), lr=0.05), replicas * NEURONS

    def rate(steps: int) -> float:
        start = time.process_time()
        for _ in range(steps):
            optimizer.zero_grad()
            model.energy().total().backward()
            optimizer.step()
        return steps * neurons / (time.process_time() - start)

    rate(3)
    return max(rate(10) for _ in range(3))


def _original(path: str) -> list[str]:
    """The first program beside ours, at its own size, in turns: 10 positions, 16 symbols."""
    pairs = [(original_rates(Path(path)), (_bare_rate(MANY), _with_loss(MANY))) for _ in range(5)]
    lines = []
    for place, name in enumerate(("steps alone", "with the loss fed back")):
        theirs, ours = ([pair[side][place] for pair in pairs] for side in (0, 1))
        ratios = sorted(b / a for a, b in zip(theirs, ours, strict=True))
        lines.append(
            f"{name}: original {statistics.median(theirs):.3g} neuron updates a CPU-second, ours "
            f"({MANY} replicas) {statistics.median(ours):.3g}; ratio in five turns: median "
            f"{ratios[2]:.0f}, from {ratios[0]:.0f} to {ratios[-1]:.0f}"
        )
    return lines


def _bare_rate(replicas: int) -> float:
    compiled = standard("arithmetic").compile()
    couplings = Couplings(compiled.grid, compiled.terms, full=True)
    dynamics = GradedDynamics(couplings, Sigmoid(5.0), 0.01)
    return max(_rate(dynamics, torch.full((replicas, 10, 16), 0.5)) for _ in range(3))


PARTS: Mapping[str, tuple[Callable[[int], list[str]], int]] = {
    "value": (_value, 100),
    "queens": (_queens, 1),
    "colouring": (_colouring, 20),
    "sudoku": (_sudoku, 1),
    "timetable": (_timetable, 3),
    "throughput": (_throughput, 3),
    "memory": (_memory, 1),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all unless given"
    )
    parser.add_argument("--seeds", type=int, help="seeds of each part; each has its own default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--original", help="folder of the first program's source")
    options = parser.parse_args()
    for name in options.parts:
        if name not in PARTS:
            parser.error(f"there is no part '{name}'; {suggestion(name, PARTS)}")
    torch.set_num_threads(options.threads)
    table = Table(title="the energy core", title_justify="left")
    table.add_column("part")
    table.add_column("figures", overflow="fold")
    for name in options.parts or PARTS:
        measure, usual = PARTS[name]
        for line in measure(options.seeds or usual):
            print(f"{name}: {line}", flush=True)
            table.add_row(name, line)
    if options.original:
        for line in _original(options.original):
            table.add_row("original", line)
    Console().print(table)


if __name__ == "__main__":
    main()
