"""Figures of a benchmark: what each estimator recovered, and how long it took."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from experiments.benchmark.job import Line
from experiments.benchmark.tables import names

__all__ = ["draw_recovery", "draw_seconds"]


def draw_recovery(lines: Sequence[Line]) -> Figure:
    """Shares of runs recovered, of structures, and of fronts that held the truth."""
    estimators = names(lines, "estimator")
    figure = Figure(figsize=(2.5 + 1.3 * len(estimators), 3.4), layout="constrained")
    axes = figure.add_subplot()
    bars = (
        ("recovered", "recovered"),
        ("structure_recovered", "right structure"),
        ("front_recovered", "on its front"),
    )
    for place, (field, label) in enumerate(bars):
        shares = []
        for name in estimators:
            own = [line for line in lines if line["estimator"] == name]
            shares.append(sum(line[field] is True for line in own) / len(own))
        positions = [index + 0.27 * (place - 1) for index in range(len(estimators))]
        axes.bar(positions, shares, width=0.25, label=label)
    axes.set_xticks(range(len(estimators)), estimators)
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of runs")
    axes.set_title(str(lines[0]["suite"]))
    axes.legend(fontsize="small")
    return figure


def draw_seconds(lines: Sequence[Line]) -> Figure:
    """Seconds of every run by estimator, recovered ones filled."""
    estimators = names(lines, "estimator")
    figure = Figure(figsize=(2.5 + 1.3 * len(estimators), 3.4), layout="constrained")
    axes = figure.add_subplot()
    for index, name in enumerate(estimators):
        for found, fill in ((True, "tab:blue"), (False, "none")):
            seconds = [
                float(str(line["seconds"]))
                for line in lines
                if line["estimator"] == name
                and line["seconds"] is not None
                and (line["recovered"] is True) is found
            ]
            spread = [index + 0.3 * ((k * 0.618) % 1 - 0.5) for k in range(len(seconds))]
            label = ("recovered" if found else "not recovered") if index == 0 else None
            axes.scatter(spread, seconds, facecolors=fill, edgecolors="tab:blue", label=label)
    axes.set_xticks(range(len(estimators)), estimators)
    axes.set_xlim(-0.5, len(estimators) - 0.5)
    axes.set_yscale("log")
    axes.set_ylabel("seconds")
    axes.set_title(str(lines[0]["suite"]))
    axes.legend(fontsize="small")
    return figure
