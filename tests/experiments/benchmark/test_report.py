import csv
from pathlib import Path

import pytest

from esr.errors import DataError
from experiments.benchmark.lines import append_line
from experiments.benchmark.report import report_benchmark
from experiments.benchmark.tables import markdown, to_csv


def line(problem: str, estimator: str, seed: int, **changes: object) -> dict[str, object]:
    given: dict[str, object] = {
        "suite": "s",
        "problem": problem,
        "estimator": estimator,
        "seed": seed,
        "noise": 0.0,
        "settings": f"{problem}-{estimator}",
        "status": "finished",
        "truth": f"{problem}(x)",
        "recovered": True,
        "structure_recovered": True,
        "front_recovered": True,
        "seconds": 1.0 + seed,
        "cpu_seconds": 0.5,
        "details": {"share": 0.25},
    }
    return given | changes


LOST = {"recovered": False, "structure_recovered": False, "front_recovered": False}
KILLED = LOST | {"status": "timeout", "seconds": None, "cpu_seconds": None, "details": {}}
LINES = [
    line("a", "one", 0, solution_seconds=0.25),
    line("a", "two", 0, **KILLED),
    line("a", "one", 1, recovered=False),
    line("b", "one", 0, **LOST, seconds=7.0),
    line("b", "one", 1, solution_seconds=0.5),
]


def test_the_tables_count_and_take_medians() -> None:
    assert markdown(LINES).splitlines() == [
        "## s, noise 0",
        "",
        "Recovered of seeds, and median seconds:",
        "",
        "| problem | truth | one | two |",
        "| --- | --- | --- | --- |",
        "| a | `a(x)` | 1/2, 1.5 s | 0/1 |",
        "| b | `b(x)` | 1/2, 4.5 s |  |",
        "| all |  | 2/4 | 0/1 |",
        "",
        "Recovered by seed:",
        "",
        "| estimator | seed 0 | seed 1 |",
        "| --- | --- | --- |",
        "| one | 1/2 | 1/2 |",
        "| two | 0/1 |  |",
        "",
        "Totals:",
        "",
        "| estimator | recovered | right structure, whatever the constants | recovered on the "
        "front the estimator chose from | finished | median seconds | median CPU seconds | "
        "median seconds to the solution where there is one |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| one | 2/4 | 3/4 | 3/4 | 4/4 | 2 | 0.5 | 0.375 |",
        "| two | 0/1 | 0/1 | 0/1 | 0/1 |  |  |  |",
    ]


def test_mixed_settings_are_pointed_out() -> None:
    assert "mixed" not in markdown(LINES)
    mixed = [*LINES, line("a", "one", 2, settings="others")]
    assert markdown(mixed).splitlines()[-1] == "Lines of several settings are mixed for: one."


def test_the_csv_has_a_row_for_each_line_and_a_column_for_each_detail() -> None:
    rows = list(csv.DictReader(to_csv(LINES).splitlines()))
    assert len(rows) == 5
    assert [row["details.share"] for row in rows] == ["0.25", "", "0.25", "0.25", "0.25"]
    assert rows[1]["status"] == "timeout"


def test_the_report_lies_beside_the_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no line yet"):
        report_benchmark(tmp_path)
    for written in (*LINES, line("a", "one", 0, noise=0.1, recovered=False)):
        append_line(tmp_path, written)
    append_line(tmp_path, line("a", "two", 0, settings="newer"))  # supersedes the one killed
    text = report_benchmark(tmp_path)
    assert "| two | 1/1 |" in text
    assert "## s, noise 0.1" in text
    assert (tmp_path / "report.md").read_text() in text
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == 1 + 6
    figures = {
        f"s{noise}-{what}" for noise in ("", "-noise-0.1") for what in ("recovery", "seconds")
    }
    assert {path.stem for path in tmp_path.glob("*.png")} == figures
