import json
import sys
from pathlib import Path

import pytest

from experiments.benchmark.lines import append_line
from experiments.report import main, read_records, task_table


def write(folder: Path, **changes: object) -> None:
    folder.mkdir(parents=True)
    record = {"task": "t", "model": "m", "seed": 0, "seconds": 1.5, "cpu_seconds": 1.25} | changes
    (folder / "result.json").write_text(json.dumps(record))


def test_a_table_has_a_row_for_each_record_in_order(tmp_path: Path) -> None:
    write(tmp_path / "a", seed=10, metrics={"error": 0.25}, expressions={"y": "1.0*x"})
    write(tmp_path / "b" / "c", seed=2, metrics={"error": None, "more": 0.9999987})
    assert task_table(read_records(tmp_path)).splitlines() == [
        "| model | seed | error | more | y | seconds | CPU seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| m | 2 |  | 0.999999 |  | 1.5 | 1.25 |",
        "| m | 10 | 0.25 |  | `x` | 1.5 | 1.25 |",
    ]


def test_choices_are_columns_and_patterns_pick_metrics(tmp_path: Path) -> None:
    found = {"in_5_mean": 0.25, "in_5_median": 0.5, "rate": 0.1}
    write(tmp_path / "a", choices={"objective": "maml"}, metrics=found)
    write(tmp_path / "b", choices={"objective": "joint"}, metrics=found, seed=1)
    write(tmp_path / "c", metrics=found)
    table = task_table(read_records(tmp_path), ["in_*_mean", "rate"])
    assert table.splitlines() == [
        "| objective | model | seed | in_5_mean | rate | seconds | CPU seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "|  | m | 0 | 0.25 | 0.1 | 1.5 | 1.25 |",
        "| joint | m | 1 | 0.25 | 0.1 | 1.5 | 1.25 |",
        "| maml | m | 0 | 0.25 | 0.1 | 1.5 | 1.25 |",
    ]


def test_details_are_shown_only_when_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "a", metrics={"exact": 0.5, "length_18/exact": 0.25})
    assert "length_18" not in task_table(read_records(tmp_path))
    asked = task_table(read_records(tmp_path), ["length_*"])
    assert "| length_18/exact |" in asked
    assert "| exact |" not in asked


def test_a_folder_without_records_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no result.json below"):
        read_records(tmp_path)
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(ValueError, match="not a record of a run"):
        read_records(tmp_path)


def test_runs_and_benchmarks_below_a_folder_are_both_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {"suite": "s", "problem": "p", "estimator": "e", "seed": 0, "noise": 0.0}
    counted = {"recovered": True, "structure_recovered": True, "front_recovered": True}
    rest = {"settings": "a", "status": "finished", "truth": "x", "seconds": 1, "cpu_seconds": 1}
    (tmp_path / "bench").mkdir()
    append_line(tmp_path / "bench", line | counted | rest)
    monkeypatch.setattr(sys, "argv", ["report", str(tmp_path)])
    main()
    assert "| p | `x` | 1/1, 1 s |" in capsys.readouterr().out
    write(tmp_path / "run", metrics={"error": 0.25})
    main()
    printed = capsys.readouterr().out
    assert "| p | `x` | 1/1, 1 s |" in printed
    assert "| m | 0 | 0.25 | 1.5 | 1.25 |" in printed
    (tmp_path / "bench" / "runs.jsonl").write_text("")
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "has no line yet" in capsys.readouterr().err
