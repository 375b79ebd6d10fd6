"""What a training step of the paper's equation learner costs: `python -m experiments.eql_speed`.

Times the whole step, trainer and optimizer included, for several numbers of replicas and
threads, and beside it what its arithmetic alone takes here: matrix products of the same sizes
and as many sines and exponentials. With `--authors PATH`, a checkout of the authors' code
(github.com/samuelkim314/DeepSymRegTorch), their step is timed in turns with ours.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch.optim import Adam, RMSprop

from baselines.eql import EQL, PAPER_UNITS, SmoothedL05
from esr.problem import Problem
from esr.random import RandomStreams
from esr.training import Phase, Trainer
from esr.training.session import OptimizerFactory
from experiments.authors_step import AuthorsStep

__all__ = ["arithmetic_seconds", "counts", "main", "seconds_per_step"]

TRIAL_STEPS = 22_000
SAMPLES = 256
OPTIMIZERS: dict[str, OptimizerFactory] = {
    "rmsprop": partial(RMSprop, alpha=0.9, eps=1e-10),
    "adam": Adam,
}
OPERANDS = sum(group.operands for group in PAPER_UNITS)
UNITS = sum(group.count for group in PAPER_UNITS)
TRANSCENDENTAL = {"sin": 4, "exp": 4}
"""A layer's evaluations for each sample: two sines and their cosines; two exponentials and two
sigmoids, taken to cost one exponential each."""


def seconds_per_step(replicas: int, inputs: int, steps: int, optimizer: str) -> float:
    """CPU seconds of one training step, all threads together."""
    streams = RandomStreams(0)
    x = torch.rand(SAMPLES, inputs, generator=streams["data"]) * 2 - 1
    problem = Problem(x, x.square().sum(1, keepdim=True), ["x", "y", "z"][:inputs])
    model = EQL(
        inputs,
        1,
        [PAPER_UNITS, PAPER_UNITS],
        SmoothedL05(),
        replicas,
        initial_sd=0.1,
        generator=streams["init"],
    )
    trainer = Trainer({"train": Phase(steps=steps, learning_rate=1e-3)}, OPTIMIZERS[optimizer])
    Trainer({"warm up": Phase(steps=3, learning_rate=1e-3)}).fit(model, problem, streams)
    start = time.process_time()
    trainer.fit(model, problem, streams)
    return (time.process_time() - start) / steps


def counts(replicas: int, inputs: int) -> tuple[int, int]:
    """Floating point operations of a step's matrix products, and its transcendental calls."""
    first, second = OPERANDS * (inputs + 1), OPERANDS * (UNITS + 1)
    last = UNITS + 1
    products = 2 * first + 3 * (second + last)  # forward, by weights, by features
    return 2 * products * replicas * SAMPLES, 2 * sum(TRANSCENDENTAL.values()) * replicas * SAMPLES


def arithmetic_seconds(replicas: int, inputs: int, repeats: int) -> float:
    """CPU seconds of the products and transcendental calls of one step, and nothing else."""
    weights = [torch.rand(replicas, OPERANDS, inputs + 1), torch.rand(replicas, OPERANDS, UNITS)]
    weights.append(torch.rand(replicas, 1, UNITS))
    features = [torch.rand(replicas, width, SAMPLES) for width in (inputs + 1, UNITS, UNITS)]
    slopes = [torch.rand(replicas, width, SAMPLES) for width in (OPERANDS, OPERANDS, 1)]
    angles = torch.rand(replicas, 2 * TRANSCENDENTAL["sin"], SAMPLES)
    exponents = torch.rand(replicas, 2 * TRANSCENDENTAL["exp"], SAMPLES)
    results = [torch.empty_like(slope) for slope in slopes]
    gradients = [torch.empty_like(weight) for weight in weights]
    returned = [torch.empty_like(feature) for feature in features]

    def step() -> None:
        for layer in range(3):
            torch.bmm(weights[layer], features[layer], out=results[layer])
            torch.bmm(slopes[layer], features[layer].mT, out=gradients[layer])
            if layer > 0:
                torch.bmm(weights[layer].mT, slopes[layer], out=returned[layer])
        torch.sin(angles, out=angles)
        torch.exp(exponents, out=exponents).reciprocal_()

    return _cpu_seconds(step, repeats)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 20, 100, 400])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--inputs", type=int, default=1, choices=[1, 2, 3])
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="rmsprop")
    parser.add_argument("--steps", type=int, default=1000, help="steps of a measurement at R=1")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--authors", type=Path, help="a checkout of the authors' repository")
    options = parser.parse_args()
    authors = AuthorsStep(options.authors, SAMPLES) if options.authors is not None else None
    for threads in options.threads:
        torch.set_num_threads(threads)
        for replicas in options.replicas:
            steps = max(30, options.steps // max(1, replicas // 8))
            ours, limits, theirs = [], [], []
            for _ in range(options.repeats + 1):  # the first round is a warm-up
                ours.append(seconds_per_step(replicas, options.inputs, steps, options.optimizer))
                limits.append(arithmetic_seconds(replicas, options.inputs, steps))
                if authors is not None:
                    theirs.append(_cpu_seconds(authors, max(10, options.steps // 10)))
            step, limit = statistics.median(ours[1:]), statistics.median(limits[1:])
            operations, calls = counts(replicas, options.inputs)
            print(
                f"threads={threads} R={replicas}: {step * 1e3:.3f} CPU-ms a step, "
                f"{step * TRIAL_STEPS / replicas:.3f} CPU-s a trial of {TRIAL_STEPS} steps; "
                f"{operations / 1e6:.1f} MFLOP in products and {calls / 1e3:.0f} thousand "
                f"transcendental calls take {limit * 1e3:.3f} CPU-ms, 1/{step / limit:.1f}; "
                f"peak memory of the process {_peak_megabytes():.0f} MB"
            )
            if theirs:
                ratios = [replicas * b / a for a, b in zip(ours[1:], theirs[1:], strict=True)]
                print(
                    f"  authors: {statistics.median(theirs[1:]) * 1e3:.3f} CPU-ms a step of one "
                    f"trial, {statistics.median(theirs[1:]) * TRIAL_STEPS:.1f} CPU-s a trial: "
                    f"{statistics.median(ratios):.1f} times ours"
                )


def _cpu_seconds(step: Callable[[], None], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        step()
    return (time.process_time() - start) / repeats


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
