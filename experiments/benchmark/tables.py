"""Tables of a benchmark's lines: problems by estimators, and totals."""

import csv
import io
from collections.abc import Callable, Sequence
from statistics import median

from rich.table import Table

from experiments.benchmark.job import FINISHED, Line

__all__ = ["closing_table", "current", "markdown", "names", "share", "to_csv"]

_TITLES = {
    "recovered": "recovered",
    "structure_recovered": "right structure, whatever the constants",
    "front_recovered": "recovered on the front the estimator chose from",
}

_SOLUTION = "median seconds to the solution where there is one"
_TIMES = ("seconds", "cpu_seconds", "solution_seconds")


def current(lines: Sequence[Line]) -> list[Line]:
    """The newest line for each problem, estimator, seed and noise, whatever its settings."""
    newest: dict[tuple[object, ...], Line] = {}
    for line in lines:
        fields = ("suite", "problem", "estimator", "seed", "noise")
        newest[tuple(line[name] for name in fields)] = line
    return list(newest.values())


def names(lines: Sequence[Line], field: str) -> list[str]:
    """The values of a field: problems as they first occur, others sorted."""
    found = dict.fromkeys(str(line[field]) for line in lines)
    return list(found) if field == "problem" else sorted(found)


def share(lines: Sequence[Line], field: str) -> str:
    """How many lines have a field that is true: `3/5`; empty without lines."""
    return f"{sum(line[field] is True for line in lines)}/{len(lines)}" if lines else ""


def closing_table(lines: Sequence[Line]) -> Table:
    """Problems by estimators for the console: recovered of seeds, median seconds."""
    table = Table(title="recovered of seeds, median seconds", title_justify="left")
    for row, cells in enumerate(_by_problem(lines)):
        if row == 0:
            for cell in cells:
                table.add_column(cell)
        else:
            table.add_row(*cells)
    return table


def markdown(lines: Sequence[Line]) -> str:
    """The report of one suite at one noise, as Markdown.

    Arguments:
        lines: At least one, all of the same suite and noise.
    """
    suite, noise = lines[0]["suite"], lines[0]["noise"]
    parts = [f"## {suite}, noise {noise:g}" if isinstance(noise, float) else f"## {suite}"]
    parts += ["Recovered of seeds, and median seconds:", _table(_by_problem(lines, "`"))]
    parts += ["Recovered by seed:", _table(_by_seed(lines)), "Totals:", _table(_totals(lines))]
    mixed = [
        name
        for name in names(lines, "estimator")
        if _differ([line for line in lines if line["estimator"] == name])
    ]
    if mixed:
        parts.append(f"Lines of several settings are mixed for: {', '.join(mixed)}.")
    return "\n\n".join(parts) + "\n"


def to_csv(lines: Sequence[Line]) -> str:
    """One row for each line; details become columns of their own."""
    details = sorted({name for line in lines for name in _details(line)})
    fields = [name for name in lines[0] if name != "details"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*fields, *(f"details.{name}" for name in details)])
    for line in lines:
        values = _details(line)
        writer.writerow([*(line.get(f) for f in fields), *(values.get(name) for name in details)])
    return text.getvalue()


def _by_problem(lines: Sequence[Line], quote: str = "") -> list[list[str]]:
    estimators = names(lines, "estimator")
    rows = [["problem", "truth", *estimators]]
    for problem in names(lines, "problem"):
        own = [line for line in lines if line["problem"] == problem]
        cells = [_cell([line for line in own if line["estimator"] == e]) for e in estimators]
        rows.append([problem, f"{quote}{own[0]['truth']}{quote}", *cells])
    totals = [share([ln for ln in lines if ln["estimator"] == e], "recovered") for e in estimators]
    return [*rows, ["all", "", *totals]]


def _by_seed(lines: Sequence[Line]) -> list[list[str]]:
    seeds = sorted({int(str(line["seed"])) for line in lines})
    rows = [["estimator", *(f"seed {seed}" for seed in seeds)]]
    for name in names(lines, "estimator"):
        own = [line for line in lines if line["estimator"] == name]
        by_seed = [[line for line in own if line["seed"] == seed] for seed in seeds]
        rows.append([name, *(share(part, "recovered") for part in by_seed)])
    return rows


def _totals(lines: Sequence[Line]) -> list[list[str]]:
    titles = ("finished", "median seconds", "median CPU seconds", _SOLUTION)
    head = ["estimator", *_TITLES.values(), *titles]
    rows = [head]
    for name in names(lines, "estimator"):
        own = [line for line in lines if line["estimator"] == name]
        finished = sum(line["status"] == FINISHED for line in own)
        counts = [share(own, field) for field in _TITLES]
        times = [_median(own, field) for field in _TIMES]
        rows.append([name, *counts, f"{finished}/{len(own)}", *times])
    return rows


def _cell(lines: Sequence[Line]) -> str:
    seconds = _median(lines, "seconds")
    return f"{share(lines, 'recovered')}, {seconds} s" if seconds else share(lines, "recovered")


def _median(lines: Sequence[Line], field: str) -> str:
    values = [v for line in lines if isinstance(v := line.get(field), (int, float))]
    return f"{median(values):.3g}" if values else ""


def _differ(lines: Sequence[Line]) -> bool:
    """Whether two lines of one problem have different settings."""
    return len({(line["problem"], line["settings"]) for line in lines}) > len(
        {line["problem"] for line in lines}
    )


def _details(line: Line) -> dict[str, object]:
    details = line.get("details")
    return dict(details) if isinstance(details, dict) else {}


def _table(rows: Sequence[Sequence[str]]) -> str:
    escape: Callable[[str], str] = lambda cell: cell.replace("|", "\\|")  # noqa: E731
    body = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(map(escape, row)) + " |" for row in body)
