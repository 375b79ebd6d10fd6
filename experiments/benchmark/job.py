"""One run of the benchmark: a problem, an estimator and a seed, and the line it leaves."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from experiments.benchmark.problems import SuiteProblem

__all__ = ["FAILED", "FINISHED", "TIMEOUT", "Job", "Key", "Line", "key_of"]

Line = Mapping[str, object]
Key = tuple[object, ...]
FINISHED, FAILED, TIMEOUT = "finished", "failed", "timeout"
_IDENTITY = ("suite", "problem", "estimator", "seed", "noise", "settings")


@dataclass(frozen=True)
class Job:
    """What to run.

    Arguments:
        suite: Name of the suite.
        problem: The problem.
        estimator: Name of the estimator.
        making: The estimator's configuration, resolved to plain values.
        seed: Determines the rows and the estimator's draws.
        noise: Standard deviation of the noise, in units of that of the targets.
        seconds: The estimator's budget of wall-clock time.
    """

    suite: str
    problem: SuiteProblem
    estimator: str
    making: Mapping[str, object]
    seed: int
    noise: float
    seconds: float

    @property
    def name(self) -> str:
        """What to call it in the console."""
        return f"{self.problem.name} {self.estimator} seed {self.seed}"

    def identity(self) -> dict[str, object]:
        """What tells this run from others; `settings` is a digest of all that is not named."""
        decisive = [self.problem.settings(), dict(self.making), float(self.seconds)]
        digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
        return {
            "suite": self.suite,
            "problem": self.problem.name,
            "estimator": self.estimator,
            "seed": self.seed,
            "noise": float(self.noise),
            "settings": digest[:12],
        }

    def line(self, status: str, outcome: Line) -> dict[str, object]:
        """The line of the file: every field is there whatever became of the run.

        Arguments:
            status: `FINISHED`, `TIMEOUT` or `FAILED`.
            outcome: Fields that are known.
        """
        unknown: dict[str, object] = {
            "recovered": False,
            "structure_recovered": False,
            "front_recovered": False,
            "expression": None,
            "r2_test": None,
            "mse_test": None,
            "complexity": None,
            "solution_seconds": None,
            "seconds": None,
            "cpu_seconds": None,
            "error": None,
            "details": {},
        }
        truth = {"status": status, "truth": self.problem.expression}
        return {**self.identity(), **truth, **unknown, **outcome}


def key_of(line: Line) -> Key:
    """What tells the run of a line from others, as a key."""
    return tuple(line.get(name) for name in _IDENTITY)
