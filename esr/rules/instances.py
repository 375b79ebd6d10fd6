"""The instances of a rule: all combinations of its variables that pass its tests, as columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.rules.evaluation import Truth, as_tensor
from esr.rules.faults import EvaluationError
from esr.rules.tree import Place

__all__ = ["MOST_COMBINATIONS", "MOST_INSTANCES", "Instances", "Stage", "Test", "expand"]

MOST_COMBINATIONS = 1_000_000_000
"""How many combinations of variables one rule may be tested on."""

MOST_INSTANCES = 20_000_000
"""How many instances one rule may have, also while some of its variables are still unbound."""

_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Stage:
    """Variables that are bound together, and the values they run over: columns of one length."""

    columns: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


@dataclass(frozen=True)
class Test:
    """What instances must pass.

    Arguments:
        names: The names it depends on, among them its variables.
        passed: Its truth, given columns that broadcast.
        guarded: Whether it may only be asked of instances that passed the tests before it,
            because it divides.
    """

    names: frozenset[str]
    passed: Callable[[Mapping[str, Tensor]], Truth]
    guarded: bool = False


@dataclass(frozen=True)
class Instances:
    """Instances by their variables, columns `(n,)`."""

    columns: Mapping[str, Tensor]
    count: int


def expand(stages: Sequence[Stage], tests: Sequence[Test], at: Place) -> Instances:
    """All instances of a rule.

    Variables are bound stage by stage, and each test drops combinations as soon as the variables
    it needs are bound, so that products of many sets stay small.

    Arguments:
        stages: Variables in the order of the rule.
        tests: In the order of the rule.
        at: Place of the rule, for errors.
    Raises:
        EvaluationError: If there are too many combinations, or a test cannot be asked.
    """
    due = _due(stages, tests)
    if not all(bool(as_tensor(test.passed({})).all()) for test in due[0]):
        return _none(stages)
    found = Instances({}, 1)
    examined = 0
    for stage, ready in zip(stages, due[1:], strict=True):
        examined += found.count * len(stage)
        if examined > MOST_COMBINATIONS:
            raise EvaluationError(
                at,
                f"the rule has more than {MOST_COMBINATIONS:,} combinations of variables; "
                "add conditions on the first variables or split it",
            )
        found = _bind(found, stage, ready, at)
        if found.count == 0:
            return _none(stages)
    return found


def _due(stages: Sequence[Stage], tests: Sequence[Test]) -> list[list[Test]]:
    """The tests that can be asked before the first stage and after each."""
    bound = {name: number for number, stage in enumerate(stages, 1) for name in stage.columns}
    due: list[list[Test]] = [[] for _ in range(len(stages) + 1)]
    latest = 0
    for test in tests:
        when = max((bound.get(name, 0) for name in test.names), default=0)
        latest = max(latest, when)
        due[latest if test.guarded else when].append(test)
    return due


def _bind(found: Instances, stage: Stage, tests: Sequence[Test], at: Place) -> Instances:
    """Instances with the variables of one more stage, in slices that fit into memory."""
    step = max(1, _AT_ONCE // max(1, len(stage)))
    slices: list[dict[str, Tensor]] = []
    kept = 0
    for start in range(0, found.count, step):
        rows = min(step, found.count - start)
        old = {name: column[start : start + rows] for name, column in found.columns.items()}
        part = _product(old, rows, stage, [test for test in tests if not test.guarded])
        for test in tests:
            if test.guarded:
                passed = as_tensor(test.passed(part)).expand(_length(part))
                part = {name: column[passed] for name, column in part.items()}
        kept += _length(part)
        if kept > MOST_INSTANCES:
            raise EvaluationError(
                at,
                f"the rule has more than {MOST_INSTANCES:,} instances; add conditions or split it",
            )
        slices.append(part)
    columns = {name: torch.cat([part[name] for part in slices]) for name in slices[0]}
    return Instances(columns, kept)


def _product(
    old: Mapping[str, Tensor], rows: int, stage: Stage, tests: Sequence[Test]
) -> dict[str, Tensor]:
    """The combinations of instances and the stage's values that pass the tests."""
    wide = {name: column[:, None] for name, column in old.items()}  # (rows, 1)
    wide |= {name: column[None, :] for name, column in stage.columns.items()}  # (1, values)
    mask = torch.ones(rows, len(stage), dtype=torch.bool)
    for test in tests:
        mask = mask & test.passed(wide)
    above, beside = mask.nonzero(as_tuple=True)
    part = {name: column[above] for name, column in old.items()}
    return part | {name: column[beside] for name, column in stage.columns.items()}


def _length(part: Mapping[str, Tensor]) -> int:
    return len(next(iter(part.values())))


def _none(stages: Sequence[Stage]) -> Instances:
    """No instances: the columns keep their types and gradients."""
    return Instances({n: column[:0] for stage in stages for n, column in stage.columns.items()}, 0)
