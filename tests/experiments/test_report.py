import json
from pathlib import Path

import pytest

from experiments.report import read_records, task_table


def write(folder: Path, **changes: object) -> None:
    folder.mkdir(parents=True)
    record = {"task": "t", "model": "m", "seed": 0, "seconds": 1.5} | changes
    (folder / "result.json").write_text(json.dumps(record))


def test_a_table_has_a_row_for_each_record_in_order(tmp_path: Path) -> None:
    write(tmp_path / "a", seed=10, metrics={"error": 0.25}, expressions={"y": "1.0*x"})
    write(tmp_path / "b" / "c", seed=2, metrics={"error": None, "more": 0.9999987})
    assert task_table(read_records(tmp_path)).splitlines() == [
        "| model | seed | error | more | y | seconds |",
        "| --- | --- | --- | --- | --- | --- |",
        "| m | 2 |  | 0.999999 |  | 1.5 |",
        "| m | 10 | 0.25 |  | `x` | 1.5 |",
    ]


def test_a_folder_without_records_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no result.json below"):
        read_records(tmp_path)
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(ValueError, match="not a record of a run"):
        read_records(tmp_path)
