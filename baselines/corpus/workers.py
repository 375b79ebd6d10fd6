"""Shards made side by side in processes of their own."""

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import numpy as np
import torch

from baselines.corpus.recipe import Recipe, Training
from baselines.corpus.shard import Shard, make_shard
from baselines.languages import Equations, Language, SkeletonShares
from baselines.population import Architecture, Start
from esr.errors import TrainingError

__all__ = ["Order", "one_thread", "shards_in_processes"]

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Order:
    """What a process needs to know to make any shard of a corpus.

    Arguments:
        language: `Language.describe()`.
        architecture: `Architecture.describe()`.
        start: As in the recipe.
        training: As in the recipe.
        shares: As in the recipe.
        seed: As in the recipe.
        shape: Networks of a shard, and the device they are trained on.
    """

    language: dict[str, object]
    architecture: dict[str, object]
    start: Start
    training: Training
    shares: SkeletonShares
    seed: int
    shape: tuple[int, str]

    @staticmethod
    def of(recipe: Recipe, size: int, device: str) -> "Order":
        """The order for shards of a recipe."""
        return Order(
            recipe.language.describe(),
            recipe.architecture.describe(),
            recipe.start,
            recipe.training,
            recipe.shares,
            recipe.seed,
            (size, device),
        )

    def recipe(self) -> Recipe:
        """The recipe it was made of."""
        return Recipe(
            Language.described(self.language),
            Architecture.described(self.architecture),
            self.start,
            self.training,
            self.shares,
            self.seed,
        )


@dataclass(frozen=True, eq=False)
class _Worker:
    """A process and the line to it."""

    process: BaseProcess
    line: Connection


def shards_in_processes(
    order: Order, todo: Sequence[int], processes: int
) -> Iterator[tuple[int, Shard]]:
    """Shards in the order in which they are ready, each with its index.

    The processes write nothing and end when the iterator is closed, or when this process is gone
    and they have finished a shard.

    Arguments:
        order: What to make.
        todo: Indices of the shards.
        processes: How many at a time, at least 1; each has one thread.
    Raises:
        TrainingError: If a shard cannot be made or a process ends by itself.
    """
    waiting = list(reversed(todo))
    workers: list[_Worker] = []
    making: dict[_Worker, int] = {}
    try:
        for _ in range(min(processes, len(todo))):
            workers.append(_begin(order))
            making[workers[-1]] = _asked(workers[-1], waiting.pop())
        while making:
            ready = wait([worker.line for worker in making])
            for worker in [worker for worker in making if worker.line in ready]:
                index = making.pop(worker)
                shard = _heard(worker, index, order.training.tolerance)
                if waiting:
                    making[worker] = _asked(worker, waiting.pop())
                yield index, shard
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()
            worker.process.close()
            worker.line.close()


@contextmanager
def one_thread() -> Iterator[None]:
    """Context in which torch computes with one thread, so that sums come out alike anywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _begin(order: Order) -> _Worker:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(order, there), daemon=True)
    resource_tracker.ensure_running()  # if it began with the process, SIGINT would come through
    with _without_interrupts():
        process.start()
    there.close()
    return _Worker(process, here)


def _asked(worker: _Worker, index: int) -> int:
    """Ask a process for a shard."""
    try:
        worker.line.send(index)
    except OSError:
        raise _ended(worker, index) from None
    return index


def _heard(worker: _Worker, index: int, tolerance: float) -> Shard:
    """The shard that a process has made."""
    try:
        said: str | Arrays = worker.line.recv()
    except (EOFError, OSError):
        raise _ended(worker, index) from None
    if isinstance(said, str):
        raise TrainingError(f"shard {index} could not be made: {said}")
    skeletons, steps, weights, errors = (torch.from_numpy(array) for array in said)
    return Shard(Equations(skeletons, steps), weights, errors, tolerance)


def _ended(worker: _Worker, index: int) -> TrainingError:
    worker.process.join(5.0)
    code = worker.process.exitcode
    how = f"by {signal.Signals(-code).name}" if code is not None and code < 0 else f"with {code}"
    return TrainingError(
        f"the process that should make shard {index} ended {how}; what is complete is kept, and "
        f"fewer processes or smaller shards need less memory"
    )


def _serve(order: Order, line: Connection) -> None:
    """Make the shards that are asked for, until nobody asks."""
    torch.set_num_threads(1)
    recipe, (size, device) = order.recipe(), order.shape
    try:
        while True:
            index = line.recv()
            try:
                shard = make_shard(recipe, index, size, device)
            except Exception as error:
                line.send(f"{type(error).__name__}: {error}")
                continue
            equations = shard.equations
            values = (equations.skeletons, equations.steps, shard.weights, shard.errors)
            line.send(tuple(value.numpy() for value in values))
    except (EOFError, OSError):
        return


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Context in which SIGINT waits; a process begun in it never sees one."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
