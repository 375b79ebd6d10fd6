import importlib.util
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from baselines.peers import GplearnEstimator, OperonEstimator
from baselines.peers.gplearn import read_gplearn
from baselines.peers.operon import read_operon
from baselines.peers.operon_search import OperonSearch
from esr.equations import Expression
from esr.errors import ConfigurationError, DataError

VARIABLES = ("x", "y")


def test_a_program_of_gplearn_becomes_an_expression() -> None:
    program = ["add", "mul", 0, -1.5, "sub", "sin", 1, "div", 2.0, "inv", 0]
    found = read_gplearn(program, VARIABLES)
    assert str(found) == "x*-1.5 + (sin(y) - 2/(1/x))"
    assert str(read_gplearn([1], VARIABLES)) == "y"


def test_protected_functions_are_spelled_as_what_they_compute() -> None:
    found = read_gplearn(["add", "sqrt", 0, "log", 1], VARIABLES)
    assert str(found) == "sqrt(abs(x)) + log(abs(y))"
    x = torch.tensor([-4.0], dtype=torch.float64)
    assert found(x=x, y=torch.exp(x) * -1).item() == pytest.approx(2 - 4)


@pytest.mark.parametrize("program", [["add", 0], [0, 1], [], ["pow", 0, 1], ["add", 0, 1, 1]])
def test_what_is_no_program_is_refused(program: list[str | int | float]) -> None:
    with pytest.raises(ValueError, match=r"gplearn|must be one expression"):
        read_gplearn(program, VARIABLES)


def test_text_of_operon_becomes_an_expression() -> None:
    text = "(0.00000003402160687 + (1.00000000000000000 * (sin((6.28318548202514648 * y)) + "
    found = read_operon(text + "(((-1.00000000000000000) * x) ^ 2))))", VARIABLES)
    assert found is not None
    x, y = torch.rand(2, 50, dtype=torch.float64)
    expected = x**2 + torch.sin(2 * math.pi * y)
    torch.testing.assert_close(found(x=x, y=y), expected, atol=1e-6, rtol=0)  # float32 constants


def test_text_of_operon_that_is_not_finite_is_none() -> None:
    assert read_operon("((nan) * x)", VARIABLES) is None
    assert read_operon("((inf) * x)", VARIABLES) is None


@pytest.mark.parametrize(
    ("make", "package"), [(OperonEstimator, "pyoperon"), (GplearnEstimator, "gplearn")]
)
def test_a_missing_package_is_named_with_its_cure(
    make: Callable[..., object], package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigurationError, match=rf"{package} is not .*pip install 'esr\[peers\]'"
    ):
        make(seed=0, seconds=1.0)


def rows() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.rand(100, 2, generator=generator, dtype=torch.float64) * 2 - 1
    return inputs, inputs[:, 0] * inputs[:, 1] + inputs[:, 0]


def test_operon_finds_a_product() -> None:
    pytest.importorskip("pyoperon")
    inputs, targets = rows()
    estimator = OperonEstimator(seed=0, seconds=2.0, population=200)
    estimator.fit(inputs, targets, VARIABLES)
    found = estimator.expression
    truth = Expression.parse("x*y + x")
    assert found.equals(truth, decimals=3) or f"{found:.3f}" == f"{truth:.3f}"
    assert found in estimator.front
    torch.testing.assert_close(estimator.predict(inputs), targets, atol=1e-5, rtol=0)  # float32
    with pytest.raises(DataError, match=r"shape \(N, 2\)"):
        estimator.predict(inputs[:, :1])
    with pytest.raises(ConfigurationError, match="'sinn', which cannot be read back"):
        OperonEstimator(seed=0, seconds=2.0, symbols=["sinn"])


def test_our_setup_of_operon_is_its_own() -> None:
    program = pytest.importorskip("pyoperon")
    from pyoperon.sklearn import SymbolicRegressor

    inputs, targets = rows()
    symbols = ("add", "mul", "sin")
    search = OperonSearch(program, symbols, 100, 20, 5, generations=4)
    front = search.run(inputs, targets, VARIABLES, 3, 60, until_exact=False)
    own = SymbolicRegressor(
        allowed_symbols=",".join([*symbols, "constant", "variable"]),
        objectives=["r2", "length"],
        optimizer_iterations=5,
        population_size=100,
        max_length=20,
        uncertainty=[0.01],
        generations=4,
        random_state=3,
    ).fit(inputs.numpy(), targets.numpy())
    errors = sorted(float(found["mean_squared_error"]) for found in own.pareto_front_)
    assert sorted(found.error for found in front) == pytest.approx(errors, rel=1e-4)  # float32
    assert search.generations == own.stats_["generations"] == 4
    assert all(found in search.history for found in front)
    seconds = [found.seconds for found in search.history]
    assert seconds == sorted(seconds)


def test_operon_can_end_when_it_is_exact_and_says_when_it_was() -> None:
    pytest.importorskip("pyoperon")
    inputs, targets = rows()
    estimator = OperonEstimator(seed=0, seconds=300.0, population=200, until_exact=True)
    estimator.fit(inputs, targets, VARIABLES)
    assert len(estimator.times) == len(estimator.front)
    assert max(estimator.times) < 100  # it did not use its budget up
    torch.testing.assert_close(estimator.predict(inputs), targets, atol=1e-5, rtol=0)  # float32


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of gplearn's use of scikit-learn
def test_gplearn_finds_a_product_and_predicts_what_it_spells() -> None:
    pytest.importorskip("gplearn")
    inputs, targets = rows()
    estimator = GplearnEstimator(seed=0, seconds=10.0, population=500, functions=["add", "mul"])
    estimator.fit(inputs, targets, VARIABLES)
    assert estimator.expression.equals(Expression.parse("x*y + x"))
    torch.testing.assert_close(estimator.predict(inputs), targets)
    with pytest.raises(DataError, match=r"shape \(N, 2\)"):
        estimator.predict(inputs[:, :1])
    with pytest.raises(ConfigurationError, match="'sinn', which is unknown: did you mean 'sin'"):
        GplearnEstimator(seed=0, seconds=2.0, functions=["sinn"])
