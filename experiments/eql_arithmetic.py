"""What the arithmetic of a training step of the paper's equation learner is, and takes here."""

import time
from collections.abc import Callable

import torch

from baselines.eql import PAPER_UNITS

__all__ = ["arithmetic_seconds", "counts", "cpu_seconds", "peak_operations"]

OPERANDS = sum(group.operands for group in PAPER_UNITS)
UNITS = sum(group.count for group in PAPER_UNITS)
TRANSCENDENTAL = {"sin": 4, "exp": 4}
"""A layer's evaluations for each sample: two sines and their cosines; two exponentials and two
sigmoids, taken to cost one exponential each."""

PEAK_SIZE = 1024


def cpu_seconds(step: Callable[[], None], repeats: int) -> float:
    """CPU seconds of one call, all threads together."""
    start = time.process_time()
    for _ in range(repeats):
        step()
    return (time.process_time() - start) / repeats


def counts(replicas: int, inputs: int, samples: int) -> tuple[int, int]:
    """Floating point operations of a step's matrix products, and its transcendental calls."""
    first, second = OPERANDS * (inputs + 1), OPERANDS * (UNITS + 1)
    last = UNITS + 1
    products = 2 * first + 3 * (second + last)  # forward, by weights, by features
    return 2 * products * replicas * samples, 2 * sum(TRANSCENDENTAL.values()) * replicas * samples


def arithmetic_seconds(replicas: int, inputs: int, samples: int, repeats: int) -> float:
    """CPU seconds of the products and transcendental calls of one step, and nothing else."""
    weights = [torch.rand(replicas, OPERANDS, inputs + 1), torch.rand(replicas, OPERANDS, UNITS)]
    weights.append(torch.rand(replicas, 1, UNITS))
    features = [torch.rand(replicas, width, samples) for width in (inputs + 1, UNITS, UNITS)]
    slopes = [torch.rand(replicas, width, samples) for width in (OPERANDS, OPERANDS, 1)]
    angles = torch.rand(replicas, 2 * TRANSCENDENTAL["sin"], samples)
    exponents = torch.rand(replicas, 2 * TRANSCENDENTAL["exp"], samples)
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

    return cpu_seconds(step, repeats)


def peak_operations(repeats: int = 10) -> float:
    """Floating point operations of a CPU second of a large matrix product."""
    left, right = torch.rand(2, PEAK_SIZE, PEAK_SIZE)
    product = torch.empty_like(left)

    def multiply() -> None:
        torch.mm(left, right, out=product)

    return 2 * PEAK_SIZE**3 / min(cpu_seconds(multiply, 1) for _ in range(repeats))
