"""Corpora small enough for a test."""

from dataclasses import replace
from pathlib import Path

from stub_fitter import OutputFitter
from torch import Tensor

from baselines.corpus import (
    Corpus,
    Recipe,
    Shard,
    Training,
    generate,
)
from baselines.languages import (
    polynomials,
)
from baselines.population import Architecture, OwnStarts

SIZE, NETWORKS = 40, 200
ARCHITECTURE = Architecture((1, 8, 1))


def recipe(**changes: object) -> Recipe:
    given = Recipe(polynomials(2), ARCHITECTURE, OwnStarts(), Training(OutputFitter()))
    return replace(given, **changes)  # type: ignore[arg-type]


def made(folder: Path, wanted: Recipe | None = None, networks: int = NETWORKS) -> Corpus:
    generate(wanted or recipe(), folder, networks, SIZE)
    return Corpus.open(folder)


def same(one: Shard, other: Shard) -> bool:
    pairs = [
        (one.equations.skeletons, other.equations.skeletons),
        (one.equations.steps, other.equations.steps),
        (one.weights, other.weights),
        (one.errors, other.errors),
    ]
    return all(bits(a) == bits(b) and a.shape == b.shape for a, b in pairs)


def bits(tensor: Tensor) -> bytes:
    return tensor.numpy().tobytes()
