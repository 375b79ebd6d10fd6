import numpy as np
import pytest
import torch

from esr.errors import DataError
from esr.finishing import MACHINE_PRECISION
from esr.regressor.tabular import as_numbers, precision_of


def test_precision_is_that_of_the_coarsest_type() -> None:
    double, single = np.zeros((2, 2)), np.zeros(2, dtype=np.float32)
    assert precision_of(double, np.zeros(2, dtype=int)) == MACHINE_PRECISION
    assert precision_of([[1.0]], [1.0]) == MACHINE_PRECISION
    assert precision_of(double, single) == pytest.approx(2.0**-46)
    assert precision_of(torch.zeros(2).double(), torch.zeros(2)) == pytest.approx(2.0**-46)
    assert precision_of(torch.zeros(2, dtype=torch.int64)) == MACHINE_PRECISION


def test_columns_of_a_frame_have_types_of_their_own() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.zeros(2), "b": np.zeros(2, dtype=np.float32)})
    assert precision_of(frame) == pytest.approx(2.0**-46)


def test_what_is_no_number_is_refused() -> None:
    assert as_numbers(np.array([True, False]), "y").tolist() == [1.0, 0.0]
    for values in (np.array(["1"]), np.array([1j]), 3):
        with pytest.raises(DataError, match="y must be an array of real numbers"):
            as_numbers(values, "y")
