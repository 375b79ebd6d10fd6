"""How much cheaper R replicas are than R runs: `python -m experiments.replica_speed`.

Trains an equation learner on x**2 with one replica and with many, in turns, and prints the
median time of a step per replica for each and their ratio.
"""

import argparse
import statistics
import time

import torch

from baselines.eql import EQL
from esr.problem import Problem
from esr.random import RandomStreams
from esr.training import Phase, Trainer

__all__ = ["main", "seconds_per_step"]


def seconds_per_step(replicas: int, steps: int, samples: int = 256) -> float:
    """Wall seconds of one training step of an EQL with `replicas` replicas on x**2."""
    streams = RandomStreams(0)
    x = torch.rand(samples, 1, generator=streams["data"]) * 2 - 1
    problem = Problem(x, x.square(), ["x"])
    model = EQL(1, 1, replicas=replicas, generator=streams["init"])
    trainer = Trainer({"train": Phase(steps=steps, learning_rate=1e-3)})
    start = time.perf_counter()
    trainer.fit(model, problem, streams)
    return (time.perf_counter() - start) / steps


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=20)
    parser.add_argument("--steps", type=int, default=300, help="steps of each measurement")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    single, many = [], []
    for _ in range(options.repeats + 1):  # the first pair is a warm-up
        single.append(seconds_per_step(1, options.steps))
        many.append(seconds_per_step(options.replicas, options.steps) / options.replicas)
    ratios = [b / a for a, b in zip(single[1:], many[1:], strict=True)]
    print(f"R=1:  {statistics.median(single[1:]) * 1e3:.3f} ms a step")
    print(
        f"R={options.replicas}: {statistics.median(many[1:]) * 1e3:.3f} ms a step and replica, "
        f"1/{1 / statistics.median(ratios):.1f} of R=1"
    )


if __name__ == "__main__":
    main()
