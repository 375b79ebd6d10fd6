"""The report of a benchmark's folder: Markdown, CSV and figures beside its lines."""

from collections.abc import Sequence
from pathlib import Path

from esr.errors import DataError
from experiments.benchmark.figures import draw_recovery, draw_seconds
from experiments.benchmark.job import Line
from experiments.benchmark.lines import RUNS, read_lines
from experiments.benchmark.tables import current, markdown, to_csv

__all__ = ["report_benchmark"]


def report_benchmark(folder: Path) -> str:
    """Write the report of a benchmark into its folder and return its text.

    Writes `report.md`, `runs.csv`, and for each suite and noise a figure of what was recovered
    and one of how long it took.

    Arguments:
        folder: Holds the lines.
    Raises:
        DataError: If there is no line, or one cannot be read.
    """
    lines = current(list(read_lines(folder).values()))
    if not lines:
        raise DataError(f"{folder / RUNS} has no line yet; run the benchmark first")
    groups: dict[tuple[object, object], list[Line]] = {}
    for line in lines:
        groups.setdefault((line["suite"], line["noise"]), []).append(line)
    parts = []
    for (suite, noise), group in groups.items():
        name = f"{suite}-noise-{noise:g}" if isinstance(noise, float) and noise else str(suite)
        parts.append(markdown(group) + "\n" + _draw(folder, name, group))
    text = "\n".join(parts)
    (folder / "report.md").write_text(text, encoding="utf-8")
    (folder / "runs.csv").write_text(to_csv(lines), encoding="utf-8")
    return text + f"\nwritten: report.md, runs.csv and figures in {folder}\n"


def _draw(folder: Path, name: str, lines: Sequence[Line]) -> str:
    """Write the figures of a group and return the Markdown that shows them."""
    shown = []
    for what, draw in (("recovery", draw_recovery), ("seconds", draw_seconds)):
        file = f"{name}-{what}.png"
        draw(lines).savefig(folder / file, dpi=120)
        shown.append(f"![{what}]({file})")
    return "\n".join(shown) + "\n"
