"""Estimators that behave in one way each, for the tests of the benchmark."""

import faulthandler
import os
import time
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from esr.equations import Expression

CONFIGS = """
# A stub for tests
_target_: stub_estimators.Stub
_partial_: true
behaviour: {name}
"""
SUITE = """
# A suite for tests
_target_: experiments.benchmark.suite.Suite
ranges: [-1, 1]
test_ranges: [-2, 2]
samples: 20
problems:
  double: 2*x
  mixed: {expression: x*y + z, ranges: {x: [0, 1], y: [1, 2], z: [2, 3]}, samples: 30}
"""
BEHAVIOURS = ("right", "wrong", "lying", "failing", "sleeping", "aborting")


class Stub:
    """Finds 2*x, another expression or nothing, as it is told to."""

    front = ("x", "2*x", "x + x", "?")
    times = (0.5, 0.25, 0.125, 0.0)

    def __init__(self, behaviour: str, seed: int, seconds: float) -> None:
        self.behaviour, self.seed, self.seconds = behaviour, seed, seconds

    def fit(self, inputs: Tensor, targets: Tensor, variables: Sequence[str]) -> None:
        self.details = {"rows": float(len(inputs)), "bad": float("nan")}
        self._variables = variables
        if self.behaviour == "failing":
            raise ValueError("no luck\ntoday")
        if self.behaviour == "sleeping":
            time.sleep(600)
        if self.behaviour == "aborting":
            faulthandler.disable()  # of a test run, were it forked from one
            os.abort()

    def predict(self, inputs: Tensor) -> Tensor:
        values = Expression.parse(self.expression).evaluate({"x": inputs[:, 0]})
        return values + 1 if self.behaviour == "lying" else values

    @property
    def expression(self) -> str:
        return "x" if self.behaviour == "wrong" else "2*x"


def write_configs(folder: Path) -> Path:
    """A folder for `--config-dir` with a suite and an estimator for each behaviour."""
    for group in ("suite", "estimator"):
        (folder / group).mkdir(parents=True)
    (folder / "suite" / "small.yaml").write_text(SUITE.lstrip())
    for name in BEHAVIOURS:
        (folder / "estimator" / f"{name}.yaml").write_text(CONFIGS.format(name=name).lstrip())
    return folder
