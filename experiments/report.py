"""Tables of what runs found: `python -m experiments.report FOLDER`.

Reads every `result.json` below the folder and prints one Markdown table for each task, with all
metrics but details, or with those that `--metrics` names. For each benchmark below it, prints its
tables and writes them, a CSV file and figures beside its lines.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from esr.equations import Expression
from experiments.benchmark.lines import RUNS
from experiments.benchmark.report import report_benchmark
from experiments.record import RESULT

__all__ = ["main", "read_records", "task_table"]

Record = Mapping[str, object]
_READABLE = 60
"""Nodes of an equation that is worth a place in a table."""


def read_records(folder: Path) -> list[Record]:
    """All records below a folder, sorted by task, choices, model and seed.

    Raises:
        ValueError: If there is none, or one cannot be read.
    """
    records = []
    for path in sorted(folder.rglob(RESULT)):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is not a record of a run: {error}") from error
        records.append(record)
    if not records:
        raise ValueError(f"there is no {RESULT} below {folder}; name the folder of the runs")
    return sorted(records, key=_order)


def task_table(records: Sequence[Record], patterns: Sequence[str] = ()) -> str:
    """A Markdown table of the records of one task: a row each, what was chosen, the metrics whose
    names fit a pattern, and equations. Without patterns it has all metrics but details, whose
    names have a slash, such as `length_18/raw_exact`."""
    choices = list(dict.fromkeys(name for record in records for name in _part(record, "choices")))
    metrics = list(dict.fromkeys(name for record in records for name in _part(record, "metrics")))
    metrics = [
        name
        for name in metrics
        if any(fnmatchcase(name, p) for p in patterns) or (not patterns and "/" not in name)
    ]
    names = list(dict.fromkeys(n for record in records for n in _part(record, "expressions")))
    rows = [[*choices, "model", "seed", *metrics, *names, "seconds", "CPU seconds"]]
    for record in records:
        numbers, texts = _part(record, "metrics"), _part(record, "expressions")
        chosen = _part(record, "choices")
        rows.append(
            [
                *(str(chosen.get(name, "")) for name in choices),
                str(record["model"]),
                str(record["seed"]),
                *(_number(numbers.get(name)) for name in metrics),
                *(_equation(texts.get(name)) for name in names),
                _number(record["seconds"]),
                _number(record.get("cpu_seconds")),
            ]
        )
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where runs were written, such as outputs")
    parser.add_argument(
        "--metrics",
        nargs="+",
        default=[],
        metavar="NAME",
        help="metrics to show, also by patterns such as 'in_*_mean'; all but those with a slash "
        "in their names unless given",
    )
    arguments = parser.parse_args()
    folder = arguments.folder
    try:
        benchmarks = sorted(path.parent for path in folder.rglob(RUNS))
        for place in benchmarks:
            print(report_benchmark(place))
        records = [] if benchmarks and not any(folder.rglob(RESULT)) else read_records(folder)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    for task in dict.fromkeys(str(record["task"]) for record in records):
        print(f"## {task}\n")
        table = task_table([r for r in records if r["task"] == task], arguments.metrics)
        print(table + "\n")


def _order(record: Record) -> tuple[str, list[str], str, int]:
    choices = [str(choice) for choice in _part(record, "choices").values()]
    return str(record["task"]), choices, str(record["model"]), int(str(record["seed"]))


def _part(record: Record, name: str) -> Mapping[str, object]:
    part = record.get(name, {})
    return part if isinstance(part, dict) else {}


def _number(value: object) -> str:
    if not isinstance(value, (int, float)):
        return ""
    if value >= 0.9995 and value < 1:
        return f"{value:.6f}"  # a correlation: its distance from 1 is what matters
    return f"{value:.3g}"


def _equation(text: object) -> str:
    if not isinstance(text, str):
        return ""
    expression = Expression.parse(text)
    if expression.complexity > _READABLE:
        return f"an equation of {expression.complexity} nodes"
    return f"`{expression:.5g}`"


if __name__ == "__main__":
    main()
