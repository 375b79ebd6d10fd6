"""Searches for several outputs, or from several starts, one after another or side by side."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from joblib import Parallel, delayed, effective_n_jobs

from esr.equations import Expression
from esr.regressor.one_output import Explored, Prepared, explore
from esr.regressor.settings import SearchSettings
from esr.search import Clock
from esr.training import Interruption

__all__ = ["Asked", "explore_all", "starts_of"]


@dataclass(frozen=True)
class Asked:
    """One output to search for.

    Arguments:
        prepared: What is asked.
        seeds: One for each start.
        earlier: Equations to begin with.
        name: What to call it.
    """

    prepared: Prepared
    seeds: tuple[int, ...]
    earlier: tuple[Expression, ...]
    name: str


def starts_of(outputs: int, n_jobs: int | None) -> int:
    """How many starts an output gets, so that every process has work."""
    return max(1, int(effective_n_jobs(n_jobs)) // outputs)


def explore_all(
    asked: Sequence[Asked], settings: SearchSettings, clock: Clock, n_jobs: int | None
) -> list[list[Explored]]:
    """Search for all outputs from all starts.

    Arguments:
        asked: The outputs.
        settings: What holds for all.
        clock: The time for all together.
        n_jobs: Number of processes, as joblib has it.
    Returns:
        For each output what was found from each start. After Ctrl-C outputs whose turn had not
        come have a constant only.
    """
    if effective_n_jobs(n_jobs) == 1:
        return _one_after_another(asked, settings, clock)
    tasks = [(output, seed) for output in asked for seed in output.seeds]
    waves = math.ceil(len(tasks) / effective_n_jobs(n_jobs))
    seconds, deadline = clock.left / waves, time.time() + clock.left
    with Interruption():  # the processes hear Ctrl-C themselves
        found = iter(
            Parallel(n_jobs=n_jobs)(
                delayed(_explored)(output, settings, seed, seconds, deadline)
                for output, seed in tasks
            )
        )
    return [[next(found) for _ in output.seeds] for output in asked]


def _one_after_another(
    asked: Sequence[Asked], settings: SearchSettings, clock: Clock
) -> list[list[Explored]]:
    found: list[list[Explored]] = []
    interrupted = False
    for index, output in enumerate(asked):
        share = 0.0 if interrupted else 1 / (len(asked) - index)
        results: list[Explored] = []
        for place, seed in enumerate(output.seeds):
            seconds = clock.part(share / (len(output.seeds) - place)).left
            results.append(
                explore(output.prepared, settings, seconds, seed, output.earlier, output.name)
            )
            interrupted |= results[-1].interrupted
        found.append(results)
    return found


def _explored(
    output: Asked, settings: SearchSettings, seed: int, seconds: float, deadline: float
) -> Explored:
    """One search in a process of its own, which began when it could."""
    left = min(seconds, deadline - time.time())
    return explore(output.prepared, settings, left, seed, output.earlier, output.name)
