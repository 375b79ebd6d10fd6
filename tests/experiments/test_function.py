import re
from pathlib import Path

import pytest
import torch
from tiny import run, run_folders

from baselines.eql import EQL, UnitGroup
from baselines.relu import ReLUNetwork
from esr.equations import STANDARD
from esr.errors import ConfigurationError, DataError
from esr.random import RandomStreams
from esr.training import Phase
from experiments.tasks.function import Function
from experiments.tasks.task import Contender

PHASES = {"only": Phase(1, 1e-2)}


def prepared(**settings: object) -> Function:
    task = Function(PHASES, **settings)  # type: ignore[arg-type]
    task.prepare(RandomStreams(0), torch.device("cpu"))
    return task


def test_samples_lie_on_the_expression_and_in_the_ranges() -> None:
    task = prepared(expression="x**2 - y", ranges={"x": [2, 4]}, samples=500)
    x, y = task.training.inputs.unbind(1)
    torch.testing.assert_close(task.training.targets[:, 0], x**2 - y)
    assert 2 <= x.min() < 2.1
    assert 3.9 < x.max() <= 4
    assert y.min() >= -1
    wide = task.test.inputs[:, 0]  # twice as wide around 3
    assert 1 <= wide.min() < 1.1
    assert 4.9 < wide.max() <= 5
    assert not torch.equal(task.training.inputs, task.validation.inputs)


def test_noise_is_in_units_of_the_target() -> None:
    clean, noisy = (prepared(expression="10*x", samples=4000, noise=n) for n in (0.0, 0.1))
    difference = (noisy.training.targets - clean.training.targets).std()
    expected = 0.1 * clean.training.targets.std()
    assert difference.item() == pytest.approx(expected.item(), rel=0.05)
    torch.testing.assert_close(noisy.test.targets, clean.test.targets)


def spelled(ballast: float) -> EQL:
    """A network that spells 0.5 x y + 0.5 z, with ballast, in one of two replicas."""
    units = [UnitGroup(STANDARD["mul"], 1), UnitGroup(STANDARD["identity"], 2)]
    model = EQL(3, 1, hidden=[units], replicas=2).double()
    with torch.no_grad():
        hidden, last = (layer.weight for layer in model.layers)
        hidden.zero_()
        last.zero_()
        hidden[0, 0, 0], hidden[0, 1, 1] = 1.0, 0.50001
        hidden[0, 2, 2], hidden[0, 3, 0] = 0.49999, ballast
        last[0, 0, :3] = 1.0
    return model.eval()


@pytest.mark.parametrize("ballast", [0.0, 0.003])
def test_the_law_is_finished_exactly(ballast: float) -> None:
    task = prepared(expression="0.5*x*y + 0.5*z")
    model = spelled(ballast)
    conclusion = task.conclude(Contender("eql", model, torch.ones(2, dtype=torch.bool)))
    assert conclusion.metrics["recovered"] == 1
    assert conclusion.metrics["extrapolation_error"] < 1e-20
    assert conclusion.metrics["replicas_right"] == (0.5 if ballast < 0.1 else 0)


def test_under_noise_the_ballast_is_dropped_and_constants_are_snapped() -> None:
    task = prepared(expression="0.5*x*y + 0.5*z", noise=0.02)
    conclusion = task.conclude(Contender("eql", spelled(0.01), torch.ones(2, dtype=torch.bool)))
    assert conclusion.expressions["y"].equals(task.truth), str(conclusion.expressions["y"])


def test_a_network_without_equations_is_measured_all_the_same() -> None:
    task = prepared(expression="x")
    model = ReLUNetwork(1, 1, replicas=2)
    conclusion = task.conclude(Contender("relu", model, torch.ones(2, dtype=torch.bool)))
    assert list(conclusion.expressions) == ["truth"]
    assert conclusion.metrics["extrapolation_error"] > 0


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"expression": "3"}, ConfigurationError, "has no variable"),
        ({"expression": "sn(x)"}, ValueError, "did you mean 'sin'"),
        ({"expression": "x", "ranges": {"y": [0, 1]}}, ConfigurationError, "names ['y']"),
        ({"expression": "x", "ranges": {"x": [1, 0]}}, ConfigurationError, "low < high"),
        ({"expression": "x", "samples": 1}, ConfigurationError, "samples must be at least 2"),
        ({"expression": "log(x)"}, DataError, "is not finite everywhere"),
    ],
)
def test_what_cannot_be_sampled_is_refused(
    settings: dict[str, object], error: type[ValueError], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        prepared(**settings)


@pytest.mark.slow
def test_a_short_run_finds_the_square(tmp_path: Path) -> None:
    phases = [f"schedule.{name}.steps=80" for name in ("warm_up", "ramp", "sparsify")]
    status, printed = run(
        tmp_path,
        "+task=function",
        "task.expression=x**2",
        "model=eql_l05",
        "model.hidden=[{identity:2,square:1,mul:1}]",
        "replicas=4",
        *phases,
        "schedule.fine_tune.steps=150",
        "task.finalists=1",
    )
    assert status is None
    (folder,) = run_folders(tmp_path)
    assert (folder / "fit.png").stat().st_size > 0
    assert "x**2" in printed


def test_a_network_that_was_never_pruned_is_concluded_as_it_stands() -> None:
    task = prepared(expression="x*y")
    model = EQL(2, 1, replicas=2, generator=torch.Generator().manual_seed(0)).double()
    conclusion = task.conclude(Contender("eql", model, torch.ones(2, dtype=torch.bool)))
    assert conclusion.metrics["recovered"] == 0
    assert conclusion.expressions["y"].complexity > 100
