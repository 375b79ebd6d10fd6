"""A corpus on disk, opened for reading."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from baselines.corpus.manifest import Manifest
from baselines.corpus.recipe import Recipe
from baselines.corpus.shard import Shard
from baselines.corpus.shard_file import inspect_shard, read_shard, shard_path
from baselines.corpus.split import held_out
from baselines.languages import Equations, Language
from baselines.population import Architecture
from esr.errors import DataError

__all__ = ["Corpus"]

SHOWN = 5
"""Missing shards that a message names."""


class Corpus:
    """Networks and their equations in a folder, read shard by shard or all at once.

    Arguments:
        folder: Where it is.
        manifest: What it says about itself.
    Raises:
        DataError: If the manifest's recipe cannot be understood.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        described = manifest.recipe
        try:
            self.language = Language.described(described["language"])  # type: ignore[arg-type]
            """Where the equations come from."""
            self.architecture = Architecture.described(described["architecture"])  # type: ignore[arg-type]
            """The networks' shape."""
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"the recipe of {folder} cannot be understood: {error}") from error

    @property
    def recipe(self) -> Recipe:
        """How its networks came about.

        Raises:
            DataError: If a part of it is of a class that is not known here.
        """
        return Recipe.described(self.manifest.recipe)

    @staticmethod
    def open(folder: Path | str) -> "Corpus":
        """The corpus in a folder. Every shard is looked at, but its tensors are verified only
        when they are read.

        Raises:
            DataError: If there is no corpus, it is of another format, a shard is missing,
                truncated or of another corpus.
        """
        folder = Path(folder)
        corpus = Corpus(folder, Manifest.read(folder))
        count = corpus.manifest.shards
        lost = [index for index in range(count) if not shard_path(folder, index).is_file()]
        if lost:
            named = ", ".join(map(str, lost[:SHOWN])) + (", ..." if len(lost) > SHOWN else "")
            raise DataError(
                f"{len(lost)} of the {count} shards in {folder} are missing ({named}); generate "
                f"the corpus again, which keeps what is there"
            )
        for index in range(count):
            inspect_shard(folder, corpus.manifest.label(index))
        return corpus

    def __len__(self) -> int:
        """Number of networks, converged or not."""
        return self.manifest.networks

    def shards(self, *, converged: bool = True) -> Iterator[Shard]:
        """The networks of one shard after the other.

        Arguments:
            converged: Whether those that have not converged are left out.
        Raises:
            DataError: If a shard is damaged.
        """
        for index in range(self.manifest.shards):
            label = self.manifest.label(index)
            shard = read_shard(self.folder, label, self.manifest.tolerance)
            yield shard[shard.converged] if converged else shard

    def load(self, *, converged: bool = True) -> Shard:
        """All networks at once, in the order of the shards.

        Arguments:
            converged: Whether those that have not converged are left out.
        Raises:
            DataError: If a shard is damaged.
        """
        total, slots = len(self), self.language.slots
        skeletons = torch.empty(total, dtype=torch.long)
        steps = torch.empty(total, slots, dtype=torch.long)
        weights, errors = torch.empty(total, self.architecture.count), torch.empty(total)
        count = 0
        for shard in self.shards(converged=converged):
            rows = slice(count, count := count + len(shard))
            skeletons[rows], steps[rows] = shard.equations.skeletons, shard.equations.steps
            weights[rows], errors[rows] = shard.weights, shard.errors
        whole = Shard(Equations(skeletons, steps), weights, errors, self.manifest.tolerance)
        return whole[:count]

    def held_out(self, equations: Equations, share: float = 0.1) -> Tensor:
        """Which equations are for tests only, bool `(M,)`: the same in every corpus of the
        language.

        Arguments:
            equations: M equations.
            share: About which share of each skeleton's, above 0 and below 1.
        Raises:
            ConfigurationError: If the share is out of range.
        """
        return held_out(self.language, equations, share)
