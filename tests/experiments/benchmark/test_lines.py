from pathlib import Path

import pytest

from esr.errors import DataError
from experiments.benchmark.lines import RUNS, append_line, read_lines, repair


def line(seed: int, **changes: object) -> dict[str, object]:
    identity = {"suite": "s", "problem": "p", "estimator": "e", "noise": 0.0, "settings": "abc"}
    return {**identity, "seed": seed, "status": "finished"} | changes


def test_the_newest_line_of_a_run_counts(tmp_path: Path) -> None:
    assert read_lines(tmp_path) == {}
    for written in (line(0, status="failed"), line(1), line(0), line(0, settings="other")):
        append_line(tmp_path, written)
    assert list(read_lines(tmp_path).values()) == [line(1), line(0), line(0, settings="other")]


def test_a_torn_last_line_is_passed_over_and_cut_off(tmp_path: Path) -> None:
    repair(tmp_path)  # nothing to do
    append_line(tmp_path, line(0))
    with (tmp_path / RUNS).open("a") as file:
        file.write('{"suite": "s", "prob')
    assert list(read_lines(tmp_path).values()) == [line(0)]
    repair(tmp_path)
    append_line(tmp_path, line(1))
    assert list(read_lines(tmp_path).values()) == [line(0), line(1)]


@pytest.mark.parametrize("broken", ["{", "[1]", ""])
def test_a_broken_line_elsewhere_is_named(broken: str, tmp_path: Path) -> None:
    append_line(tmp_path, line(0))
    with (tmp_path / RUNS).open("a") as file:
        file.write(f"{broken}\n")
    append_line(tmp_path, line(1))
    with pytest.raises(DataError, match="line 2"):
        read_lines(tmp_path)


def test_a_number_that_is_not_finite_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_line(tmp_path, line(0, mse_test=float("nan")))
