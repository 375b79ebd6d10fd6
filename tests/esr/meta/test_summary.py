"""Errors in a few numbers, against numpy and by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from esr.errors import DataError
from esr.meta import ErrorSummary


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_numbers_are_those_of_numpy(values: list[float]) -> None:
    summary = ErrorSummary.of(torch.tensor(values, dtype=torch.float64))
    quartiles = np.quantile(values, (0.25, 0.5, 0.75))
    found = (summary.lower_quartile, summary.median, summary.upper_quartile)
    assert found == pytest.approx(tuple(quartiles), rel=1e-12, abs=1e-300)
    assert summary.mean == pytest.approx(float(np.mean(values)), rel=1e-12, abs=1e-300)
    assert summary.not_finite == 0


def test_what_is_not_finite_is_counted_and_not_hidden() -> None:
    summary = ErrorSummary.of(torch.tensor([math.nan, 1.0, 2.0, 3.0, math.inf, math.inf]))
    assert summary == ErrorSummary(math.inf, math.inf, 2.25, math.inf, 0.5)
    few = ErrorSummary.of(torch.tensor([1.0, 2.0, 3.0, 4.0, math.nan]))
    assert few == ErrorSummary(math.inf, 3.0, 2.0, 4.0, 0.2)


def test_metrics_are_flat() -> None:
    summary = ErrorSummary.of(torch.tensor([1.0, 3.0]))
    assert summary.metrics("in_5") == {
        "in_5_mean": 2.0,
        "in_5_median": 2.0,
        "in_5_lower_quartile": 1.5,
        "in_5_upper_quartile": 2.5,
        "in_5_not_finite": 0.0,
    }


def test_nothing_has_no_summary() -> None:
    for errors in (torch.zeros(0), torch.zeros(2, 2)):
        with pytest.raises(DataError, match="must have shape"):
            ErrorSummary.of(errors)
