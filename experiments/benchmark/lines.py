"""The file of a benchmark: one JSON line for each run, appended as runs end."""

import json
from collections.abc import Mapping
from pathlib import Path

from esr.errors import DataError
from experiments.benchmark.job import Key, Line, key_of

__all__ = ["RUNS", "append_line", "read_lines", "repair"]

RUNS = "runs.jsonl"


def append_line(folder: Path, line: Mapping[str, object]) -> None:
    """Write a line at the end of the file, in one piece."""
    text = json.dumps(line, allow_nan=False) + "\n"
    with (folder / RUNS).open("a", encoding="utf-8") as file:
        file.write(text)


def repair(folder: Path) -> None:
    """Cut off a last line without an end, as a killed process leaves it."""
    path = folder / RUNS
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


def read_lines(folder: Path) -> dict[Key, Line]:
    """The newest line of each run, in the order of the file; a last line without end is left out.

    Raises:
        DataError: If another line cannot be read.
    """
    path = folder / RUNS
    if not path.exists():
        return {}
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    lines: dict[Key, Line] = {}
    for number, text in enumerate(whole.splitlines(), start=1):
        try:
            line = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}, line {number} is not a line of a benchmark: {error}"
            ) from error
        if not isinstance(line, dict):
            raise DataError(f"{path}, line {number} is not a line of a benchmark; remove it")
        lines.pop(key_of(line), None)
        lines[key_of(line)] = line
    return lines
