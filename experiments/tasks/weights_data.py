"""The networks of a weights run: a population to learn from, and held-out ones to be judged by."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.corpus import Corpus, Recipe, Shard, held_out, joined, make_shard, train_networks
from baselines.languages import Equations, UniformLengths
from esr.errors import ConfigurationError, DataError
from esr.random import RandomStreams

__all__ = ["Networks", "Population", "PopulationSizes", "prepare_population"]

TEST_NUMBER = 2**40
"""Number of the first judged network in its population, beyond any that is learnt from."""
DRAWN = 4
"""Of how many equations drawn at once, per one still needed, the held-out ones are taken."""
BETWEEN_LINES = 5.0
"""Seconds between two lines of progress."""


@dataclass(frozen=True)
class PopulationSizes:
    """How many networks there are.

    Arguments:
        networks: Those to learn from, before what has not converged or is held out is left out.
        validation: Those training is watched with.
        tests: Those that are judged in the end.
        held_out: Share of equations that no network learnt from represents, in (0, 1).
        shard: Networks trained at once.
    Raises:
        ConfigurationError: If a number is below 1 or the share out of range.
    """

    networks: int = 60_000
    validation: int = 500
    tests: int = 2000
    held_out: float = 0.1
    shard: int = 5000

    def __post_init__(self) -> None:
        counts = (self.networks, self.validation, self.tests, self.shard)
        if min(counts) < 1 or not 0 < self.held_out < 1:
            raise ConfigurationError(
                f"task.sizes needs counts of at least 1 and held_out between 0 and 1, but got "
                f"{self}"
            )


@dataclass(frozen=True)
class Networks:
    """Trained networks and the equations they stand for.

    Arguments:
        weights: `(M, P)`.
        equations: M of them.
    """

    weights: Tensor
    equations: Equations

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, which: Tensor | slice) -> "Networks":
        return Networks(self.weights[which], self.equations[which])

    def to(self, device: torch.device) -> "Networks":
        """The same on a device."""
        skeletons, steps = self.equations.skeletons, self.equations.steps
        return Networks(self.weights.to(device), Equations(skeletons.to(device), steps.to(device)))


@dataclass(frozen=True)
class Population:
    """All networks of a run.

    Arguments:
        training: To learn from.
        validation: Of held-out equations, lengths alike, to watch training with.
        tests: Likewise, to judge by.
        made: How many networks were trained for `training`.
        converged: Share of those that reached the tolerance.
        seconds: Processor time their training took, 0 if they were read from a folder.
    """

    training: Networks
    validation: Networks
    tests: Networks
    made: int
    converged: float
    seconds: float


def prepare_population(
    recipe: Recipe, sizes: PopulationSizes, corpus: Corpus | None, device: torch.device
) -> Population:
    """Train the networks, or read those to learn from; equations to be judged by are apart.

    Arguments:
        recipe: How networks come about; that of the corpus if there is one.
        sizes: How many.
        corpus: Networks to learn from, or None to train them now.
        device: Where the run happens.
    Raises:
        DataError: If too few networks converged to go on.
    """
    start = time.process_time()
    made = corpus.load(converged=False) if corpus is not None else _trained(recipe, sizes)
    seconds = time.process_time() - start if corpus is None else 0.0
    usable = made.converged & ~held_out(recipe.language, made.equations, sizes.held_out)
    training = Networks(made.weights[usable], made.equations[usable])
    converged = float(made.converged.double().mean())
    if len(training) < 2:
        raise _too_few(made, recipe, len(training))
    judged = _held_out_networks(recipe, sizes)
    return Population(
        training.to(device),
        judged[: sizes.validation].to(device),
        judged[sizes.validation :].to(device),
        len(made.weights),
        converged,
        seconds,
    )


def _trained(recipe: Recipe, sizes: PopulationSizes) -> Shard:
    """A population that is not kept."""
    size = min(sizes.shard, sizes.networks)
    shards, told = [], _teller("population", sizes.networks)
    for index in range(-(-sizes.networks // size)):
        shards.append(make_shard(recipe, index, size))
        if not index and not shards[0].converged.any():
            raise _too_few(shards[0], recipe, 0)
        told(min(sizes.networks, (index + 1) * size))
    return joined(shards)[slice(0, sizes.networks)]


def _too_few(made: Shard, recipe: Recipe, usable: int) -> DataError:
    """What to say when nothing can be learnt from what was trained."""
    return DataError(
        f"at least 2 networks are needed to learn from, but of {len(made)} trained "
        f"{int(made.converged.sum())} reached a relative error of {recipe.training.tolerance:g} "
        f"and {usable} are of equations that are not held out; train more "
        f"(task.sizes.networks), or allow more error (equations.training.tolerance)"
    )


def _held_out_networks(recipe: Recipe, sizes: PopulationSizes) -> Networks:
    """Converged networks of held-out equations with uniform lengths, whatever those learnt from
    have."""
    wanted = sizes.validation + sizes.tests
    generator = RandomStreams(recipe.seed)["held-out equations"]
    found: list[Shard] = []
    tried, told = 0, _teller("networks of held-out equations", wanted)
    while (had := sum(len(part) for part in found)) < wanted:
        if tried > 4 * wanted:
            raise DataError(f"only {had} of {tried} networks of held-out equations converged")
        equations = _held_out_equations(recipe, sizes, wanted - had, generator=generator)
        made = train_networks(recipe, equations, TEST_NUMBER + tried)
        tried += len(equations)
        found.append(made[made.converged])
        told(had + len(found[-1]))
    best = joined(found)[slice(0, wanted)]
    return Networks(best.weights, best.equations)


def _held_out_equations(
    recipe: Recipe, sizes: PopulationSizes, count: int, *, generator: torch.Generator
) -> Equations:
    """Draws of equations that are held out."""
    skeletons, steps, had = [], [], 0
    while had < count:
        drawn = recipe.language.draw(
            DRAWN * (count - had) + 10, UniformLengths(), generator=generator
        )
        drawn = drawn[held_out(recipe.language, drawn, sizes.held_out)]
        skeletons.append(drawn.skeletons)
        steps.append(drawn.steps)
        had += len(drawn)
    return Equations(torch.cat(skeletons)[:count], torch.cat(steps)[:count])


def _teller(what: str, total: int) -> Callable[[int], None]:
    """Says how far training is, every few seconds and at the end."""
    start = last = time.monotonic()

    def told(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > BETWEEN_LINES or done >= total:
            last = now
            rate = done / max(1e-9, now - start)
            print(f"{what}: {done}/{total} trained, {rate:.0f} a second", flush=True)

    return told
