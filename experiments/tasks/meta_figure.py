"""Figures of meta-learning: functions before and after adaptation, and errors against steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from esr.models import Batch
from experiments.tasks.meta_measures import Findings

__all__ = ["DOMAINS", "Scenes", "draw_adaptation", "draw_curves"]

DOMAINS = {"in": "in domain", "out": "out of domain"}
"""What the domains are called."""
COLUMNS = 3
STYLES = (("0.6", ":"), ("tab:blue", "--"), ("tab:red", "-"))
"""Colour and line of before, after few and after many steps."""


@dataclass(frozen=True)
class Scenes:
    """Some functions of one variable, and what a model makes of them.

    Arguments:
        domain: Which domain they are of.
        grid: Where the curves are drawn, `(G,)`.
        targets: The functions there, `(K, G)`.
        support: What was adapted to, `(K, N, 1)` each.
        predictions: Before, after few and after many steps: what to call it, to `(K, G)`.
    """

    domain: str
    grid: Tensor
    targets: Tensor
    support: Batch
    predictions: Mapping[str, Tensor]


def draw_adaptation(scenes: Sequence[Scenes], variable: str) -> Figure:
    """A panel for each function: the function, the support points, and the model.

    Arguments:
        scenes: Of each domain.
        variable: Name of the variable.
    """
    rows = sum(-(-len(scene.targets) // COLUMNS) for scene in scenes)
    figure = Figure(figsize=(4 * COLUMNS, 2.6 * rows + 0.5), layout="constrained")
    panels = iter(figure.subplots(rows, COLUMNS, squeeze=False, sharex=True).flat)
    for scene in scenes:
        for place in range(len(scene.targets)):
            axes = next(panels)
            _draw_function(axes, scene, place)
            axes.set_title(DOMAINS[scene.domain], fontsize="medium")
        for _ in range(-len(scene.targets) % COLUMNS):
            next(panels).set_axis_off()
    for axes in figure.axes[-COLUMNS:]:
        axes.set_xlabel(variable)
    lines, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside upper center", ncols=len(labels))
    return figure


def _draw_function(axes: Axes, scene: Scenes, place: int) -> None:
    target = scene.targets[place].cpu()
    grid = scene.grid.cpu()
    axes.plot(grid, target, "k-", lw=4, alpha=0.25, label="function")
    for (name, values), (colour, line) in zip(scene.predictions.items(), STYLES, strict=True):
        axes.plot(grid, values[place].cpu(), line, color=colour, label=name)
    known = scene.support
    axes.plot(
        known.inputs[place].cpu(), known.targets[place].cpu(), "ko", ms=4, label="support points"
    )
    low, high = float(target.min()), float(target.max())
    margin = 0.4 * max(high - low, 0.5)  # a wild prediction leaves the panel
    axes.set_ylim(low - margin, high + margin)


def draw_curves(findings: Findings, zero: Mapping[str, Tensor]) -> Figure:
    """Query errors of the chosen replica against the number of steps, few and many.

    Arguments:
        findings: The errors.
        zero: Those of predicting zero, of each domain, `(K,)`.
    """
    figure = Figure(figsize=(10, 3.4 * len(zero) + 0.4), layout="constrained")
    grid = figure.subplots(len(zero), 2, squeeze=False, sharey="row")
    kinds = (("gradient descent", findings.few), ("Adam", findings.many))
    for row, domain in zip(grid, zero, strict=True):
        for axes, (kind, curves) in zip(row, kinds, strict=True):
            curve = curves[domain]
            found = curve.summaries(findings.replica)
            low, high = [s.lower_quartile for s in found], [s.upper_quartile for s in found]
            axes.fill_between(curve.steps, low, high, alpha=0.25, label="quartiles")
            axes.plot(curve.steps, [s.median for s in found], "o-", ms=4, label="median")
            axes.plot(curve.steps, [s.mean for s in found], "s--", ms=4, label="mean")
            axes.axhline(float(zero[domain].mean()), color="k", ls=":", label="zero, mean")
            axes.set_yscale("log")
            axes.set(xlabel=f"steps of {kind}", title=DOMAINS[domain])
        row[1].set_xscale("symlog", linthresh=1)
        row[1].set_xlim(left=-0.1)
        row[1].set_xticks(curve.steps, [str(steps) for steps in curve.steps])
        row[0].set_ylabel("query error")
    grid[0, 0].legend()
    return figure
