"""What happens in the process of one run: make the data, fit, judge, report."""

import json
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch
from hydra.utils import instantiate
from torch import Tensor

from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.metrics import mean_squared_error, r_squared
from esr.problem import Problem
from esr.random import RandomStreams
from experiments.benchmark.estimator import (
    Estimator,
    EstimatorFactory,
    details_of,
    front_of,
    read_expression,
)
from experiments.benchmark.job import FAILED, FINISHED, Job, Line
from experiments.recovery import LARGEST_ERROR, Recovery, judge_recovery

__all__ = ["FITTING", "JUDGING", "LOG", "make_estimator", "perform", "serve"]

FITTING, JUDGING = "fitting", "judging"
LOG = "output.log"
_JUDGING_SECONDS = 20.0
_LARGEST_FRONT = 40


def serve(job: Job, folder: Path, sender: Connection) -> None:
    """Entry point of the process: perform the job and send what came of it as JSON.

    What the estimator prints goes to the log of the benchmark. Ctrl-C is the parent's affair,
    and the process ends when its parent does.
    """
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    torch.set_num_threads(1)

    def send(stage: str, line: Line | None = None) -> None:
        sender.send_bytes(json.dumps([stage, line], allow_nan=False).encode())

    line = perform(job, send)
    sys.stdout.flush()
    sys.stderr.flush()
    send("ended", line)


def perform(job: Job, tell: Callable[[str], object] = lambda stage: None) -> Line:
    """Make the data, fit, judge; what goes wrong becomes a line as well, with its traceback in
    the log.

    Arguments:
        job: What to run.
        tell: Hears `FITTING` before the fit and `JUDGING` after it.
    Returns:
        The line of the run.
    """
    outcome: dict[str, object] = {}
    try:
        training, test = job.problem.draw(RandomStreams(job.seed), job.noise)
        estimator = make_estimator(job)
        tell(FITTING)
        started, cpu_started = time.perf_counter(), time.process_time()
        estimator.fit(training.inputs, training.targets[:, 0], job.problem.variables)
        outcome["seconds"] = round(time.perf_counter() - started, 3)
        outcome["cpu_seconds"] = round(time.process_time() - cpu_started, 3)
        tell(JUDGING)
        return job.line(FINISHED, outcome | _judge(job, estimator, test))
    except Exception as error:
        print(f"--- {job.name}", file=sys.stderr)
        traceback.print_exc()
        return job.line(FAILED, outcome | {"error": _in_a_line(error)})


def make_estimator(job: Job) -> Estimator:
    """The estimator that a job's configuration describes.

    Raises:
        ConfigurationError: If its configuration is not one of an estimator.
    """
    factory: EstimatorFactory = instantiate(dict(job.making), _convert_="all")
    if not callable(factory):
        raise ConfigurationError(
            f"estimator '{job.estimator}' must have `_partial_: true`, so that it can be made "
            "with a seed and a time budget"
        )
    try:
        return factory(seed=job.seed, seconds=job.seconds)
    except TypeError as error:
        raise ConfigurationError(
            f"a setting of estimator '{job.estimator}' has a wrong name or type: {error}"
        ) from error


@torch.no_grad()
def _judge(job: Job, estimator: Estimator, test: Problem) -> dict[str, object]:
    """Errors on the test rows, and whether the truth was found."""
    variables, truth = job.problem.variables, job.problem.truth
    columns = dict(zip(variables, test.inputs.unbind(1), strict=True))
    target = test.targets[:, 0]
    prediction = torch.as_tensor(estimator.predict(test.inputs), dtype=torch.float64)
    if prediction.shape != target.shape:
        raise ValueError(
            f"predict must return shape {tuple(target.shape)}, but returned "
            f"{tuple(prediction.shape)}"
        )
    error = mean_squared_error(prediction, target, (0,))
    expression = read_expression(estimator.expression, variables)
    recovery = Recovery(exact=False, structure=False)
    if expression is not None:
        recovery = judge_recovery(expression, truth, columns, seconds=_JUDGING_SECONDS)
    exact = recovery.exact and bool(error < LARGEST_ERROR)  # what it predicts counts as well
    seconds = _solution_seconds(job, estimator, expression if exact else None, columns)
    return {
        "recovered": exact,
        "structure_recovered": recovery.structure,
        "front_recovered": exact or seconds is not None,
        "expression": None if expression is None else str(expression),
        "r2_test": _finite(r_squared(prediction, target)),
        "mse_test": _finite(error),
        "complexity": None if expression is None else expression.complexity,
        "solution_seconds": seconds if seconds is not None and math.isfinite(seconds) else None,
        "details": details_of(estimator),
    }


def _solution_seconds(
    job: Job, estimator: Estimator, right: Expression | None, columns: dict[str, Tensor]
) -> float | None:
    """When an expression of the front that is the truth was first found, infinite if that is not
    known; None if there is none.

    Arguments:
        job: The run.
        estimator: Fitted.
        right: The expression that it chose, if that is the truth.
        columns: Values of each variable at the test rows, `(N,)`.
    """
    limit = time.monotonic() + _JUDGING_SECONDS
    front = front_of(estimator, job.problem.variables)
    for found in front[:_LARGEST_FRONT]:
        if right is not None and (found.expression == right or math.isinf(found.seconds)):
            return found.seconds
        remaining = limit - time.monotonic()
        if remaining <= 0:
            break
        truth = job.problem.truth
        if judge_recovery(found.expression, truth, columns, seconds=remaining).exact:
            return found.seconds
    return None if right is None else math.inf


def _finite(value: Tensor) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def _in_a_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
