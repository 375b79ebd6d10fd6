"""Running jobs side by side, each in a process of its own that may crash, hang or be killed."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from esr.training import Interruption
from experiments.benchmark.child import FITTING, LOG, serve
from experiments.benchmark.job import FAILED, TIMEOUT, Job, Line

__all__ = ["Listener", "Pool"]

_STARTING_SECONDS, _JUDGING_SECONDS = 300.0, 90.0
_PATIENCE = 0.25
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Listener(Protocol):
    """Hears of every run."""

    def started(self, job: Job) -> None:
        """A run has begun."""
        ...

    def ended(self, job: Job, line: Line) -> None:
        """A run has ended, one way or another."""
        ...


@dataclass
class _Run:
    """A process at work.

    Arguments:
        job: What it does.
        process: The process.
        receiver: Where its messages come from.
        deadline: When it is killed, by the monotonic clock.
        stage: What it last said it was doing.
        since: When it said so.
    """

    job: Job
    process: BaseProcess
    receiver: Connection
    deadline: float
    stage: str
    since: float


class Pool:
    """Performs jobs, a few at a time, each in a spawned process with one thread.

    A process that does not end within its job's seconds and the grace is killed; one that
    crashes takes nothing else with it.

    Arguments:
        folder: Where the processes' output goes.
        workers: How many run at a time, at least 1.
        grace: Seconds beyond the budget after which an estimator is stopped by force.
    """

    def __init__(self, folder: Path, workers: int, grace: float) -> None:
        self._folder, self._workers, self._grace = folder, workers, grace
        self._runs: list[_Run] = []

    def perform(self, jobs: Sequence[Job], listener: Listener) -> bool:
        """Perform jobs in order; returns whether Ctrl-C ended it early.

        Runs under way when that happens are stopped and leave no line.
        """
        waiting = list(reversed(jobs))
        os.environ.update(dict.fromkeys(_THREADS, "1"))  # before the children load libraries
        resource_tracker.ensure_running()  # otherwise its start would let SIGINT in again
        with Interruption() as interruption:
            try:
                while (waiting or self._runs) and not interruption.requested:
                    while waiting and len(self._runs) < self._workers:
                        job = waiting.pop()
                        self._runs.append(self._start(job))
                        listener.started(job)
                    receivers = [run.receiver for run in self._runs]
                    wait([*receivers, *(run.process.sentinel for run in self._runs)], _PATIENCE)
                    for run in list(self._runs):
                        line = self._look_after(run)
                        if line is not None and not interruption.requested:
                            self._runs.remove(run)
                            self._stop(run)
                            listener.ended(run.job, line)
            finally:
                for run in self._runs:
                    self._stop(run)
                self._runs.clear()
            return interruption.requested

    def _start(self, job: Job) -> _Run:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=serve, args=(job, self._folder, sender))
        with _Sheltered():
            process.start()
        sender.close()
        now = time.monotonic()
        return _Run(job, process, receiver, now + _STARTING_SECONDS, "starting", now)

    def _look_after(self, run: _Run) -> Line | None:
        """Hear a process's messages; the line of its run if that is over."""
        died = not run.process.is_alive()  # asked first: what it sent before dying still counts
        try:
            while run.receiver.poll():
                stage, line = json.loads(run.receiver.recv_bytes())
                if line is not None:
                    return dict(line)
                self._enter(run, stage)
        except (EOFError, OSError):
            died = True
        now = time.monotonic()
        if died:
            run.process.join(1.0)
            error = f"{_ending(run.process.exitcode)} while {run.stage}; see {LOG}"
            return run.job.line(FAILED, {"error": error} | self._fitted(run, now))
        if now > run.deadline:
            if run.stage == FITTING:
                error = f"stopped {self._grace:g} s after its {run.job.seconds:g} s were over"
                return run.job.line(TIMEOUT, {"error": error} | self._fitted(run, now))
            error = f"{run.stage} took longer than {now - run.since:.0f} s"
            return run.job.line(FAILED, {"error": error})
        return None

    def _enter(self, run: _Run, stage: str) -> None:
        run.stage, run.since = stage, time.monotonic()
        limit = run.job.seconds + self._grace if stage == FITTING else _JUDGING_SECONDS
        run.deadline = run.since + limit

    @staticmethod
    def _fitted(run: _Run, now: float) -> dict[str, object]:
        """How long a fit lasted that did not end by itself."""
        return {"seconds": round(now - run.since, 3)} if run.stage == FITTING else {}

    @staticmethod
    def _stop(run: _Run) -> None:
        run.process.kill()
        run.process.join()
        run.process.close()
        run.receiver.close()


class _Sheltered:
    """Context in which SIGINT waits; processes started in it never see one."""

    def __enter__(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def __exit__(self, *reason: object) -> None:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _ending(exitcode: int | None) -> str:
    """How a process ended that said nothing."""
    if exitcode is not None and exitcode < 0:
        return f"the process ended by {signal.Signals(-exitcode).name}"
    return f"the process ended with status {exitcode}"
