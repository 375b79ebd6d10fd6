import time
from functools import partial

import pytest
import torch
from torch import Tensor

from baselines.eql import EQL
from baselines.eql.estimator import EQLEstimator
from esr.equations import Expression
from esr.errors import ConfigurationError, DataError
from esr.training import Phase

UNITS = {"identity": 2, "square": 2}
PHASES = {
    "sparsify": Phase(steps=200, learning_rate=2e-2),
    "fine_tune": Phase(steps=200, learning_rate=(1e-2, 1e-5), structure=0, prune=0.05),
}


def estimator(seconds: float = 100.0, steps: int = 1, **settings: object) -> EQLEstimator:
    phases = {"long": Phase(steps=steps, learning_rate=1e-2), **PHASES}
    model = partial(EQL, hidden=[UNITS])
    return EQLEstimator(model, phases, 0, seconds, replicas=6, **settings)  # type: ignore[arg-type]


def rows() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(128, 1, generator=generator, dtype=torch.float64) * 2 - 1
    return inputs, inputs[:, 0].square() - 0.5


def test_it_finds_a_square_and_the_same_again() -> None:
    inputs, targets = rows()
    found = estimator().fit(inputs, targets, ["x"])
    assert found.expression.equals(Expression.parse("x**2 - 0.5"))
    assert found.expression in found.front
    assert found.details["rounds"] >= 1
    assert 0 < found.details["replicas_right"] <= 1
    torch.testing.assert_close(found.predict(inputs), targets)
    again = estimator().fit(inputs, targets, ["x"])
    assert again.expression == found.expression
    assert again.front == found.front


def test_training_without_end_is_cut_off_within_the_budget() -> None:
    inputs, targets = rows()
    started = time.monotonic()
    found = estimator(seconds=1.0, steps=10**7).fit(inputs, targets, ["x"])
    assert time.monotonic() - started < 20  # the machine may be busy
    assert found.details["rounds"] == 1
    assert found.expression.variables in ((), ("x",))


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="held_out between"):
        estimator(held_out=1.0)
    with pytest.raises(DataError, match="at least 2 rows"):
        estimator().fit(torch.ones(1, 1), torch.ones(1), ["x"])
