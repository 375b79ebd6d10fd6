"""scikit-learn's own checks, and its tools around the regressor."""

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from small_engines import Forms, Plane

from esr.regressor import SymbolicRegressor

SEARCH_SECONDS = 20
"""A search that time cuts short need not repeat with the same seed, which one check asks for."""
CHECKS = list(estimator_checks_generator(SymbolicRegressor(Plane(), max_seconds=2)))


@pytest.mark.parametrize(
    ("estimator", "check"),
    CHECKS,
    ids=[getattr(check, "func", check).__name__ for _, check in CHECKS],
)
def test_scikit_learn_is_content(estimator: SymbolicRegressor, check: object) -> None:
    check(estimator)  # type: ignore[operator]


SEARCHING = list(
    estimator_checks_generator(SymbolicRegressor(max_seconds=SEARCH_SECONDS, random_state=0))
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "check"),
    SEARCHING,
    ids=[getattr(check, "func", check).__name__ for _, check in SEARCHING],
)
def test_scikit_learn_is_content_with_a_search(
    estimator: SymbolicRegressor, check: object
) -> None:
    check(estimator)  # type: ignore[operator]


def rows() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    inputs = np.random.RandomState(0).uniform(-1, 1, (60, 2))
    return inputs, 2 * inputs[:, 0] ** 2 - inputs[:, 1]


def test_it_works_with_the_tools_of_scikit_learn() -> None:
    inputs, targets = rows()
    quadratic = SymbolicRegressor(Forms("1*x0**2 + 1*x1"), random_state=0)
    assert cross_val_score(quadratic, inputs, targets, cv=3).min() > 1 - 1e-12
    piped = make_pipeline(StandardScaler(), SymbolicRegressor(Plane()))
    assert piped.fit(inputs, targets).score(inputs, targets) < 0.9
    grid = {"engine": [Plane(), Forms("1*x0**2 + 1*x1")], "max_complexity": [20]}
    search = GridSearchCV(SymbolicRegressor(), grid, cv=2).fit(inputs, targets)
    assert isinstance(search.best_params_["engine"], Forms)


def test_a_copy_is_unfitted_and_a_pickle_is_not() -> None:
    inputs, targets = rows()
    found = SymbolicRegressor(Plane(), random_state=3).fit(inputs, targets)
    again = pickle.loads(pickle.dumps(found))  # the standard way, tested as such
    np.testing.assert_array_equal(again.predict(inputs), found.predict(inputs))
    copied = clone(found)
    assert copied.get_params()["random_state"] == 3
    with pytest.raises(NotFittedError):
        copied.predict(inputs)
    with pytest.raises(NotFittedError):
        _ = copied.equations_
