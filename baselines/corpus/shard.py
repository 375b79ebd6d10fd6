"""Trained networks beside their equations, and how a part of a corpus is made."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.corpus.recipe import Recipe
from baselines.languages import Equations
from baselines.population import gauss_legendre, relative_errors
from esr.random import RandomStreams

__all__ = ["Shard", "joined", "make_shard", "train_networks"]

LEAST = 1e-12
"""Mean square below which a function counts as zero, so that nothing is relative to it."""
ROWS = 1000
"""Networks whose errors are measured together, to bound memory."""


@dataclass(frozen=True)
class Shard:
    """Some networks of a corpus, or all.

    Arguments:
        equations: M equations.
        weights: Weights of the networks trained towards them, float32 `(M, P)`.
        errors: Relative mean squared error of each, float32 `(M,)`; infinite where it has none.
        tolerance: Largest error of a converged network.
    """

    equations: Equations
    weights: Tensor
    errors: Tensor
    tolerance: float

    def __len__(self) -> int:
        """Number of networks M."""
        return len(self.errors)

    def __getitem__(self, which: Tensor | slice) -> "Shard":
        """Some of them, by indices, a mask or a slice."""
        equations = self.equations[which]
        return Shard(equations, self.weights[which], self.errors[which], self.tolerance)

    @property
    def converged(self) -> Tensor:
        """Which networks represent their equation, bool `(M,)`."""
        return self.errors <= self.tolerance


def make_shard(recipe: Recipe, index: int, size: int, device: torch.device | str = "cpu") -> Shard:
    """Draw equations and train networks: a pure function of its arguments, on one device with one
    thread and one version of torch.

    Arguments:
        recipe: What to draw and how to train.
        index: Number of the shard, from 0.
        size: Number of networks M of this and every shard of the corpus.
        device: Where networks are trained; draws are made on the CPU in any case.
    Returns:
        M networks, whether converged or not, on the CPU.
    """
    stream = RandomStreams(recipe.seed)[f"equations of shard {index}"]
    drawn = recipe.language.draw(size, recipe.shares, generator=stream)
    return train_networks(recipe, drawn, index * size, device)


def train_networks(
    recipe: Recipe, drawn: Equations, first: int, device: torch.device | str = "cpu"
) -> Shard:
    """Train a network towards each of M equations.

    Arguments:
        recipe: How to begin and how to train.
        drawn: The equations, on the CPU.
        first: Number of the first network in its population, which decides its initial weights.
        device: Where they are trained.
    Returns:
        M networks, whether converged or not, on the CPU.
    """
    architecture, training = recipe.architecture, recipe.training
    start = recipe.start.draw(architecture, first, len(drawn), recipe.seed).to(device)
    equations = Equations(drawn.skeletons.to(device), drawn.steps.to(device))
    points = gauss_legendre(training.nodes, architecture.inputs)
    targets = _values(recipe, equations, points.points.to(device))
    square = points.mean(targets.square())
    usable = torch.isfinite(square) & (square > LEAST)
    targets = torch.where(usable[:, None], targets, 1.0)
    weights = training.fitter.fit(
        architecture,
        start,
        targets.to(start),
        points.to(start),
        training.margin * training.tolerance,
    ).weights.detach()
    checked = gauss_legendre(training.check_nodes, architecture.inputs).to(targets)
    rows = torch.arange(len(drawn), device=weights.device)
    errors = [
        relative_errors(
            architecture, weights[some], _values(recipe, equations[some], checked.points), checked
        )
        for some in torch.split(rows, ROWS)
    ]
    found = torch.where(usable, torch.cat(errors), torch.inf).float()
    return Shard(drawn, weights.float().cpu(), found.cpu(), training.tolerance)


def joined(shards: Sequence[Shard]) -> Shard:
    """The networks of at least one shard, in order, as one."""
    equations = Equations(
        torch.cat([shard.equations.skeletons for shard in shards]),
        torch.cat([shard.equations.steps for shard in shards]),
    )
    weights = torch.cat([shard.weights for shard in shards])
    errors = torch.cat([shard.errors for shard in shards])
    return Shard(equations, weights, errors, shards[0].tolerance)


def _values(recipe: Recipe, equations: Equations, points: Tensor) -> Tensor:
    """Values of equations at points `(N, D)`, float64 `(M, N)`."""
    language = recipe.language
    return language.evaluate(equations.skeletons, language.values(equations), points.double())
