"""Making a corpus on disk, all at once or in parts, on one machine or several."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from baselines.corpus.manifest import Manifest
from baselines.corpus.recipe import Recipe
from baselines.corpus.shard import Shard, make_shard
from baselines.corpus.shard_file import DamagedShardError, read_shard, shard_path, write_shard
from baselines.corpus.workers import Order, one_thread, shards_in_processes
from esr.errors import ConfigurationError

__all__ = ["SHARD_SIZE", "Progress", "Workforce", "generate"]

SHARD_SIZE = 20_000


@dataclass(frozen=True)
class Workforce:
    """Who makes a corpus.

    Arguments:
        processes: Processes on this machine, each with one thread; with 1 it is this one.
        rank: Which of `ranks` machines this is, from 0; it makes the shards whose index divided
            by `ranks` leaves this remainder.
        ranks: Number of machines, which share a folder or whose shards are put together later.
        device: Where networks are trained; shards made on unlike devices differ in rounding.
    Raises:
        ConfigurationError: If a number is out of range.
    """

    processes: int = 1
    rank: int = 0
    ranks: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.processes < 1 or not 0 <= self.rank < self.ranks:
            raise ConfigurationError(
                f"making a corpus needs processes >= 1 and 0 <= rank < ranks, but got {self}"
            )


class Progress(NamedTuple):
    """How far this machine is.

    Arguments:
        networks: Networks that are on disk and its own.
        total: Networks that it has to make in all.
        new: Those made since this run began.
        converged: How many of the new ones have converged.
    """

    networks: int
    total: int
    new: int
    converged: int


def generate(
    recipe: Recipe,
    folder: Path,
    networks: int,
    shard_size: int = SHARD_SIZE,
    workforce: Workforce | None = None,
    told: Callable[[Progress], None] | None = None,
) -> Manifest:
    """Make a corpus, or what is missing of it: shards that are there and valid are kept, shards
    that are missing or damaged are made anew. It may be killed at any moment.

    A corpus can be extended by asking for more networks. Asking for fewer makes the corpus
    smaller without deleting a file; the shards left over count again when it is extended.

    Arguments:
        recipe: What to make.
        folder: Where; made if it is not there.
        networks: How many in all, rounded up to whole shards.
        shard_size: Networks of each shard. Another size makes other networks.
        workforce: Who makes it; this process alone unless given.
        told: Called before the first shard and after each.
    Returns:
        What the corpus holds when all machines are done.
    Raises:
        ConfigurationError: If a number is not positive or the folder holds a corpus of another
            recipe.
        DataError: If the folder holds a shard of another corpus or format.
        TrainingError: If a process fails.
        OSError: If a file cannot be written.
    """
    workforce = workforce if workforce is not None else Workforce()
    manifest = Manifest(recipe.describe(), shard_size, networks)
    _enter(folder, manifest)
    mine = range(workforce.rank, manifest.shards, workforce.ranks)
    todo = [index for index in mine if not _kept(folder, manifest, index)]
    done = Progress((len(mine) - len(todo)) * shard_size, len(mine) * shard_size, 0, 0)
    tell = told if told is not None else lambda progress: None
    tell(done)
    with closing(_made(recipe, shard_size, todo, workforce)) as made:
        for index, shard in made:
            write_shard(folder, manifest.label(index), shard, recipe.seed)
            networks, new = done.networks + len(shard), done.new + len(shard)
            converged = done.converged + int(shard.converged.sum())
            done = Progress(networks, done.total, new, converged)
            tell(done)
    return manifest


def _made(
    recipe: Recipe, size: int, todo: Sequence[int], workforce: Workforce
) -> Generator[tuple[int, Shard], None, None]:
    """Shards as they get ready, each with its index."""
    if workforce.processes > 1:
        order = Order.of(recipe, size, workforce.device)
        yield from shards_in_processes(order, todo, workforce.processes)
        return
    for index in todo:
        with one_thread():
            shard = make_shard(recipe, index, size, workforce.device)
        yield index, shard


def _enter(folder: Path, manifest: Manifest) -> None:
    """Make sure that the folder is this corpus's and says so."""
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"a corpus needs a folder, but {folder} is a file")
    folder.mkdir(parents=True, exist_ok=True)
    if Manifest.there(folder):
        found = Manifest.read(folder)
        if different := found.differences(manifest):
            raise ConfigurationError(
                f"{folder} holds a corpus of another recipe: expected {'; '.join(different)}; "
                f"give its own recipe or another folder"
            )
        if found == manifest:
            return
    manifest.write(folder)


def _kept(folder: Path, manifest: Manifest, index: int) -> bool:
    """Whether a shard is there and valid."""
    if not shard_path(folder, index).exists():
        return False
    try:
        read_shard(folder, manifest.label(index), manifest.tolerance)
    except DamagedShardError:
        return False
    return True
