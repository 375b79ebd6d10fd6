"""What a training step of the paper's equation learner costs: `python -m experiments.eql_speed`.

Times the whole step, trainer and optimizer included, for several numbers of replicas: as it is,
compiled, and what its arithmetic alone takes here, which is matrix products of the same sizes
and as many sines and exponentials. With `--authors PATH`, a checkout of the authors' code
(github.com/samuelkim314/DeepSymRegTorch), their step is timed in turns with ours. Times are CPU
times of all threads; compilation is counted apart, and is faster when it was done here before.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch.optim import Adam, RMSprop

from baselines.eql import EQL, PAPER_UNITS, SmoothedL05
from esr.models import Batch, EnergyModel
from esr.problem import Problem
from esr.random import RandomStreams
from esr.training import Phase, Report, Trainer, inductor
from esr.training.rates import OptimizerFactory
from experiments.authors_step import AuthorsStep
from experiments.eql_arithmetic import arithmetic_seconds, counts, cpu_seconds, peak_operations

__all__ = ["Case", "Rounds", "main", "measured"]

TRIAL_STEPS = 22_000
SAMPLES = 256
OPTIMIZERS: dict[str, OptimizerFactory] = {
    "rmsprop": partial(RMSprop, alpha=0.9, eps=1e-10),
    "adam": Adam,
}


@dataclass(frozen=True)
class Case:
    """What is trained, and for how many steps at a time.

    Arguments:
        replicas: Number of replicas R.
        inputs: Number of inputs D, at most 3.
        optimizer: A name in `OPTIMIZERS`.
        steps: Steps of a round.
    """

    replicas: int
    inputs: int
    optimizer: str
    steps: int

    def train(self, rounds: "Rounds", count: int, *, compiled: bool) -> None:
        """Train a fresh network for so many rounds and one that warms up."""
        streams = RandomStreams(0)
        x = torch.rand(SAMPLES, self.inputs, generator=streams["data"]) * 2 - 1
        problem = Problem(x, x.square().sum(1, keepdim=True), ["x", "y", "z"][: self.inputs])
        model = EQL(
            self.inputs,
            1,
            [PAPER_UNITS, PAPER_UNITS],
            SmoothedL05(),
            self.replicas,
            initial_sd=0.1,
            generator=streams["init"],
        )
        phases = {"train": Phase(steps=self.steps * (count + 1), learning_rate=1e-3)}
        trainer = Trainer(
            phases,
            OPTIMIZERS[self.optimizer],
            report_every=self.steps,
            compiler=inductor if compiled else None,
        )
        trainer.fit(model, problem, streams, callbacks=[rounds])


@dataclass
class Rounds:
    """A callback that times the rounds between reports, the first of which warms up.

    Arguments:
        between: Called after each round, untimed, to measure something else in turns with it.
        steps: CPU seconds of a step in each round, filled.
        warm_up: Seconds on the clock until the end of the first round, filled.
    """

    between: Callable[[], None] = lambda: None
    steps: list[float] = field(default_factory=list)
    warm_up: float = 0.0

    def started(self, total_steps: int, step: int) -> None:
        """Note the time."""
        self._clock, self._cpu, self._step = time.monotonic(), time.process_time(), step

    def reported(self, report: Report, model: EnergyModel[Batch]) -> None:
        """A round is over."""
        cpu, done = time.process_time() - self._cpu, report.step - self._step
        if self.warm_up == 0:
            self.warm_up = time.monotonic() - self._clock
        else:
            self.steps.append(cpu / done)
        with torch.enable_grad():
            self.between()
        self._cpu, self._step = time.process_time(), report.step

    def finished(self, interrupted: bool) -> None:
        """Nothing is left to do."""


def measured(
    case: Case, repeats: int, authors: AuthorsStep | None, *, compiled: bool
) -> dict[str, list[float]]:
    """CPU seconds of a step in each round, taken in turns, by what it is of.

    Returns:
        `plain`, `arithmetic`, `compiled` and `authors` where asked for, as many numbers each;
        `warm-up`, one number of seconds on the clock.
    """
    found: dict[str, list[float]] = {"plain": [], "arithmetic": []}

    def others() -> None:
        plain = Rounds()
        case.train(plain, 1, compiled=False)
        found["plain"] += plain.steps
        arithmetic = arithmetic_seconds(case.replicas, case.inputs, SAMPLES, case.steps)
        found["arithmetic"].append(arithmetic)
        if authors is not None:
            found.setdefault("authors", []).append(cpu_seconds(authors, max(10, case.steps // 5)))

    if compiled:
        rounds = Rounds(others)
        case.train(rounds, repeats, compiled=True)
        found = {name: seconds[1:] for name, seconds in found.items()}  # others' warm-up
        return found | {"compiled": rounds.steps, "warm-up": [rounds.warm_up]}
    for _ in range(repeats + 1):
        others()
    return {name: seconds[1:] for name, seconds in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 20, 100, 400])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--inputs", type=int, default=1, choices=[1, 2, 3])
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="rmsprop")
    parser.add_argument("--steps", type=int, default=1000, help="steps of a round at R=1")
    parser.add_argument("--repeats", type=int, default=5, help="rounds")
    parser.add_argument("--plain", action="store_true", help="compile nothing")
    parser.add_argument("--authors", type=Path, help="a checkout of the authors' repository")
    options = parser.parse_args()
    authors = AuthorsStep(options.authors, SAMPLES) if options.authors is not None else None
    for threads in options.threads:
        torch.set_num_threads(threads)
        peak = peak_operations()
        print(f"threads={threads}: a large matrix product does {peak / 1e9:.0f} GFLOP a CPU-s")
        for replicas in options.replicas:
            steps = max(30, options.steps // max(1, replicas // 8))
            case = Case(replicas, options.inputs, options.optimizer, steps)
            before = _peak_megabytes()
            found = measured(case, options.repeats, authors, compiled=not options.plain)
            _print(case, found, peak)
            after = _peak_megabytes()
            print(
                f"  peak memory of the process {after:.0f} MB, of which {after - before:.0f} new"
            )


def _print(case: Case, found: dict[str, list[float]], peak: float) -> None:
    operations, calls = counts(case.replicas, case.inputs, SAMPLES)
    print(
        f"R={case.replicas}: {operations / 1e6:.1f} MFLOP in products and {calls / 1e3:.0f} "
        "thousand transcendental calls a step"
    )
    for name in ("plain", "compiled", "arithmetic"):
        if name not in found:
            continue
        step = statistics.median(found[name])
        line = (
            f"  {name}: {step * 1e3:.3f} CPU-ms a step, "
            f"{step * TRIAL_STEPS / case.replicas:.3f} CPU-s a trial, "
            f"{operations / step / 1e9:.1f} GFLOP/s, {operations / step / peak:.0%} of the peak"
        )
        if "authors" in found and name != "arithmetic":
            line += f"; {_ratio(found['authors'], found[name], case.replicas):.1f} times less"
        if name == "compiled":
            line += (
                f"; {_ratio(found['plain'], found[name]):.2f} times less than plain, after a "
                f"warm-up of {found['warm-up'][0]:.0f} s"
            )
        print(line)
    if "authors" in found:
        step = statistics.median(found["authors"])
        print(
            f"  authors: {step * 1e3:.3f} CPU-ms a step of one trial, "
            f"{step * TRIAL_STEPS:.1f} CPU-s a trial of {TRIAL_STEPS} steps"
        )


def _ratio(theirs: list[float], ours: list[float], replicas: int = 1) -> float:
    """The median over rounds of how many times less ours is for one replica."""
    return statistics.median(replicas * b / a for a, b in zip(ours, theirs, strict=True))


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
