import time

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse
from small_engines import Deaf, Drawn, Forms, Interrupted, Plane

from esr.equations import Expression
from esr.errors import ConfigurationError
from esr.regressor import EquationTable, SymbolicRegressor
from esr.search import ExpressionRules

Numbers = NDArray[np.float64]


@pytest.fixture
def inputs() -> Numbers:
    return np.random.RandomState(0).uniform(-1, 1, (60, 2))


def test_it_finds_chooses_and_explains(inputs: Numbers) -> None:
    targets = 2 * inputs[:, 0] ** 2 - 0.5
    found = SymbolicRegressor(Forms("1*x0", "1*x0**2 + 1", "1*x0**2 + 1*x1**4 + 1"))
    assert found.fit(inputs, targets) is found
    assert isinstance(found.equations_, EquationTable)
    assert found.best_.equation.equals(Expression.parse("2*x0**2 - 0.5"), decimals=9)
    assert found.expression_ is found.best_.equation
    np.testing.assert_allclose(found.predict(inputs), targets, atol=1e-14)
    assert len(set(found.predict(inputs, index=0))) == 1  # the first row is the mean
    assert str(found.sympy()).startswith("2") or "x0**2" in str(found.sympy())
    assert "{x_{0}}^{2}" in found.latex()
    module = found.torch()
    torch.testing.assert_close(module(torch.tensor(inputs)), torch.tensor(targets))
    assert len(found.standard_errors_) == len(found.expression_.constants)
    with pytest.raises(ConfigurationError, match="there is no row 9"):
        found.predict(inputs, index=9)


def test_the_last_fit_uses_all_rows(inputs: Numbers) -> None:
    noise = 0.1 * np.random.RandomState(1).randn(60)
    targets = 1.2345 * inputs[:, 0] - 3.2109 * inputs[:, 1] + noise
    found = SymbolicRegressor(Forms("1*x0 + 1*x1"), random_state=0).fit(inputs, targets)
    solution, squares, *_ = np.linalg.lstsq(inputs, targets)
    assert found.expression_.constants == pytest.approx(solution, rel=1e-7)
    covariance = squares[0] / 58 * np.linalg.inv(inputs.T @ inputs)
    assert found.standard_errors_ == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-6)
    assert found.best_.training_loss == pytest.approx(squares[0] / 60)


def test_several_outputs_have_a_table_each(inputs: Numbers) -> None:
    targets = np.stack((inputs[:, 0] + 1, np.full(60, 3.5)), 1)
    found = SymbolicRegressor(Plane()).fit(inputs, targets)
    assert len(found.equations_) == 2
    assert str(found.expression_[1]) == "3.5"
    np.testing.assert_allclose(found.predict(inputs), targets, atol=1e-12)
    assert found.predict(inputs, index=[0, 0]).shape == (60, 2)
    assert found.torch()(torch.tensor(inputs)).shape == (60, 2)
    assert len(found.latex()) == len(found.sympy()) == 2
    with pytest.raises(ConfigurationError, match="one for each of 2 outputs, but has 1"):
        found.predict(inputs, index=[0])


def test_tensors_lists_and_single_precision_are_rows_too(inputs: Numbers) -> None:
    targets = 3 * inputs[:, 0] + 1
    single = torch.tensor(inputs).float()
    found = SymbolicRegressor(Plane()).fit(single, 3 * single[:, 0] + 1)
    assert found.best_.complexity == 5
    np.testing.assert_allclose(found.predict(single), targets, atol=1e-5)  # 2**-24 of 4, 10 times
    listed = SymbolicRegressor(Plane()).fit(inputs.tolist(), targets.tolist())
    assert listed.score(inputs, targets) == pytest.approx(1)


def test_names_of_columns_are_names_of_variables(inputs: Numbers) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(inputs, columns=["mass (kg)", "v"])
    found = SymbolicRegressor(Plane()).fit(frame, frame["v"] * 2)
    assert found.variables_ == ("mass_kg", "v")
    assert found.feature_names_in_.tolist() == ["mass (kg)", "v"]
    assert found.expression_.variables == ("v",)
    assert found.fit_constants("a*mass_kg + b*v", frame, frame["v"] * 2).values["b"] == 2


def test_the_same_seed_finds_the_same(inputs: Numbers) -> None:
    one, two, other = (
        SymbolicRegressor(Drawn(), random_state=seed).fit(inputs, inputs[:, 0]).tables_[0]
        for seed in (1, 1, 2)
    )
    assert one == two
    assert one != other


def test_the_order_of_rows_does_not_matter(inputs: Numbers) -> None:
    targets = np.sin(3 * inputs[:, 0]) + 0.1 * np.random.RandomState(2).randn(60)
    order = np.random.RandomState(3).permutation(60)
    one = SymbolicRegressor(Plane(), random_state=0).fit(inputs, targets)
    two = SymbolicRegressor(Plane(), random_state=0).fit(inputs[order], targets[order])
    assert one.tables_ == two.tables_


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 10])
def test_few_rows_are_enough(inputs: Numbers, rows: int) -> None:
    found = SymbolicRegressor(Plane()).fit(inputs[:rows], inputs[:rows, 0])
    assert np.isfinite(found.predict(inputs)).all()


def test_a_constant_target_is_answered_at_once(inputs: Numbers) -> None:
    engine = Forms("x0")
    found = SymbolicRegressor(engine).fit(inputs, np.full(60, 0.1))
    assert engine.searches == 0
    assert str(found.expression_) == "0.1"
    assert SymbolicRegressor(engine).fit(np.ones((60, 1)), inputs[:, 0]).best_.complexity == 1


def test_useless_columns_are_not_searched_but_expected(inputs: Numbers) -> None:
    wide = np.column_stack((inputs, inputs[:, 0], np.ones(60)))
    found = SymbolicRegressor(Plane()).fit(wide, 2 * inputs[:, 0])
    assert len(found.notes_) == 2
    assert found.expression_.variables == ("x0",)
    assert found.predict(wide).shape == (60,)


def test_ctrl_c_keeps_what_was_found(inputs: Numbers, capsys: pytest.CaptureFixture[str]) -> None:
    targets = np.stack((inputs[:, 0], inputs[:, 1]), 1)
    found = SymbolicRegressor(Interrupted(["1*x0"])).fit(inputs, targets)
    assert found.interrupted_
    assert str(found.expression_[0]) == "1*x0"
    assert found.best_[1].complexity == 1  # its turn had not come
    assert "interrupted after" in capsys.readouterr().err


def test_an_engine_that_ignores_the_clock_is_stopped(inputs: Numbers) -> None:
    began = time.monotonic()
    found = SymbolicRegressor(Deaf(), max_seconds=0.2).fit(inputs, inputs[:, 0])
    assert time.monotonic() - began < 20  # the machine may be busy
    assert found.best_.complexity == 1
    assert not found.interrupted_


def test_a_warm_start_begins_with_the_equations_before(inputs: Numbers) -> None:
    targets = 2 * inputs[:, 0] ** 2
    found = SymbolicRegressor(Forms("1*x0**2"), warm_start=True).fit(inputs, targets)
    found.set_params(engine=Forms()).fit(inputs, 3 * targets)
    assert found.expression_.equals(Expression.parse("6*x0**2"), decimals=9)
    cold = SymbolicRegressor(Forms("1*x0**2")).fit(inputs, targets)
    assert cold.set_params(engine=Forms()).fit(inputs, targets).best_.complexity == 1


def test_many_rows_are_sampled_judged_and_fitted(inputs: Numbers) -> None:
    random = np.random.RandomState(0)
    many = random.uniform(-1, 1, (30_000, 2))
    targets = 1.2345 * many[:, 0] + 0.1 * random.randn(30_000)
    found = SymbolicRegressor(Forms("1*x0", "1*x0 + 1*x1"), max_rows=200).fit(many, targets)
    slope = (many[:, 0] @ targets) / (many[:, 0] @ many[:, 0])
    assert found.best_.complexity == 3
    assert found.expression_.constants == pytest.approx([slope], rel=1e-9)
    # the error on the 29,850 unseen rows has standard deviation 0.01 * sqrt(2 / 29850)
    assert found.best_.loss == pytest.approx(0.01, abs=5e-4)


class Only:
    def __init__(self, *variables: str) -> None:
        self.variables = variables

    def allows(self, expression: Expression) -> bool:
        return set(self.variables) <= set(expression.variables)

    def tolerates(self, part: Expression) -> bool:
        return True


@pytest.mark.parametrize("rules", ["for v in {x1} : at least 1 V[*, v]", Only("x1")])
def test_rules_hold(inputs: Numbers, rules: str | ExpressionRules) -> None:
    engine = Forms("1*x0", "1*x0 + 1*x1")
    found = SymbolicRegressor(engine, rules=rules).fit(inputs, inputs[:, 0])
    assert [row.equation.variables for row in found.equations_] == [("x0", "x1")]


def test_functions_that_were_not_asked_for_do_not_occur(inputs: Numbers) -> None:
    targets, engine = np.sin(inputs[:, 0]), Forms("sin(x0)", "1*x0")
    found = SymbolicRegressor(engine, primitives=["exp"]).fit(inputs, targets)
    assert "sin" not in str(found.equations_)
    assert str(SymbolicRegressor(engine).fit(inputs, targets).expression_) == "sin(x0)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "hopfeld"}, "did you mean 'hopfield'"),
        ({"primitives": ["sn"]}, "did you mean 'sin'"),
        ({"primitives": "sin"}, "must be a list of names"),
        ({"primitives": [3]}, r"primitives\[0\] must be a name or a Primitive, but is 3"),
        ({"rules": 3}, "rules must be text or have methods"),
        ({"rules": "at least 1 V[*, 'x0']\nat most 0 V[*, 'x0']"}, "cannot all hold"),
        ({"rules": Only("z")}, "no equation was found that the rules"),
        ({"max_complexity": 0}, "max_complexity must be a whole number of at least 1, but is 0"),
        ({"max_rows": 2.5}, "max_rows must be a whole number of at least 10, but is 2.5"),
        ({"max_seconds": 0}, "max_seconds must be a number above 0, but is 0"),
        ({"max_seconds": "1"}, "max_seconds must be a number above 0, but is '1'"),
        ({"validation_fraction": 1}, "validation_fraction must lie between 0 and 1"),
        ({"device": "toaster"}, "device 'toaster' cannot be used"),
        ({"init": "file"}, "init is for engines given by name"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    inputs: Numbers, settings: dict[str, object], message: str
) -> None:
    model = SymbolicRegressor(Plane()).set_params(**settings)
    with pytest.raises(ValueError, match=message):
        model.fit(inputs, inputs[:, 0])


def test_rows_that_cannot_be_used_are_refused(inputs: Numbers) -> None:
    model, targets = SymbolicRegressor(Plane()), inputs[:, 0]
    with pytest.raises(ValueError, match="y must be an array of real numbers, but is of type <U1"):
        model.fit(inputs, ["a"] * 60)
    with pytest.raises(ValueError, match="y must be an array of real numbers, but is of type csr"):
        model.fit(inputs, sparse.csr_array(inputs))
    with pytest.raises(ValueError, match=r"sample_weight must have shape \(60,\)"):
        model.fit(inputs, targets, np.ones(3))
    with pytest.raises(ValueError, match="must not be negative, and at least one not be zero"):
        model.fit(inputs, targets, -np.ones(60))
    with pytest.raises(ValueError, match="y contains NaN"):
        model.fit(inputs, np.where(targets > 0.9, np.nan, targets))


def test_progress_is_told_on_the_error_stream(
    inputs: Numbers, capsys: pytest.CaptureFixture[str]
) -> None:
    wide, engine = np.column_stack((inputs, np.ones(60))), Forms("1*x0", "1*x0**3")
    SymbolicRegressor(engine, verbose=2).fit(wide, inputs[:, 0])
    told = capsys.readouterr()
    assert told.out == ""
    assert "y = x0\n" in told.err
    assert "column 'x2' is constant" in told.err
    SymbolicRegressor(engine, verbose=1).fit(inputs, inputs[:, 0])
    assert "\r" in capsys.readouterr().err
    SymbolicRegressor(engine).fit(inputs, inputs[:, 0])
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_processes_find_what_one_finds(inputs: Numbers) -> None:
    targets = np.stack((inputs[:, 0], 2 * inputs[:, 1] + 1), 1)
    alone, together = (
        SymbolicRegressor(Plane(), n_jobs=jobs, random_state=0, max_seconds=600).fit(
            inputs, targets
        )
        for jobs in (None, 2)
    )
    assert alone.tables_ == together.tables_
    starts = SymbolicRegressor(Drawn(), n_jobs=2, random_state=0, max_seconds=600).fit(
        inputs, inputs[:, 0]
    )
    assert len(starts.equations_) >= 1
