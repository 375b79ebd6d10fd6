"""The figures of a search: the fit, its residuals, and the front it chose from."""

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure

from esr.finishing import Candidate
from experiments.discoveries import Discoveries
from experiments.tasks.equation_search import Wanted
from experiments.tasks.search_measures import Part, parts_of

__all__ = ["draw_problems", "draw_search"]

_MARKS = {"training": ("o", "C0"), "validation": ("s", "C1"), "test": ("^", "C2")}
_LEAST = 1e-32
_GRID = 400


@torch.no_grad()
def draw_search(wanted: Wanted, found: Discoveries, best: Candidate) -> dict[str, Figure]:
    """Three figures: `fit`, `residuals` and `front`."""
    parts = parts_of(wanted, found)
    return {
        "fit": _fit(wanted, parts, best),
        "residuals": _residuals(wanted, parts, best),
        "front": _front(found, best),
    }


def _fit(wanted: Wanted, parts: Mapping[str, Part], best: Candidate) -> Figure:
    """The curve through the rows of one variable, or predicted against measured values."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    variables = wanted.rows.variables
    for name, (columns, target) in parts.items():
        marker, colour = _MARKS[name]
        across = target if len(variables) > 1 else columns[variables[0]]
        up = best.expression.evaluate(columns) if len(variables) > 1 else target
        axes.plot(across.cpu(), up.cpu(), marker, color=colour, ms=4, alpha=0.7, label=name)
    if len(variables) == 1:
        values = torch.cat([columns[variables[0]] for columns, _ in parts.values()])
        low, high = float(values.min()), float(values.max())
        grid = torch.linspace(low, high, _GRID, dtype=values.dtype, device=values.device)
        curve = best.expression.evaluate({variables[0]: grid})
        axes.plot(grid.cpu(), curve.cpu(), "k-", lw=1, label="found")
        axes.set(xlabel=wanted.label(variables[0]), ylabel=wanted.label(wanted.target))
    else:
        targets = torch.cat([target for _, target in parts.values()])
        ends = [float(targets.min()), float(targets.max())]
        axes.plot(ends, ends, "k-", lw=1)
        label = wanted.label(wanted.target)
        axes.set(xlabel=f"measured {label}", ylabel=f"predicted {label}")
    axes.set_title(f"{wanted.target} = {best.expression:.4g}", fontsize=9, wrap=True)
    axes.legend()
    return figure


def _residuals(wanted: Wanted, parts: Mapping[str, Part], best: Candidate) -> Figure:
    """What each row is missed by, against its prediction and as a distribution."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    scattered, counted = figure.subplots(1, 2, width_ratios=(2, 1), sharey=True)
    label = wanted.label(wanted.target)
    everything = []
    for name, (columns, target) in parts.items():
        marker, colour = _MARKS[name]
        predicted = best.expression.evaluate(columns)
        missed = (target - predicted).cpu()
        everything.append(missed[missed.isfinite()])
        scattered.plot(predicted.cpu(), missed, marker, color=colour, ms=4, alpha=0.7, label=name)
    scattered.axhline(0, color="k", lw=1)
    scattered.set(xlabel=f"predicted {label}", ylabel=f"measured minus predicted {label}")
    scattered.legend()
    values = torch.cat(everything)
    counted.hist(values.numpy(), bins=min(30, max(5, len(values) // 5)), orientation="horizontal")
    counted.set(xlabel="rows")
    return figure


def _front(found: Discoveries, best: Candidate) -> Figure:
    """Complexity against both errors."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    front = found.front.candidates
    sizes = [candidate.expression.complexity for candidate in front]
    for name, errors in (
        ("validation", [c.validation_error for c in front]),
        ("training", [c.training_error for c in front]),
    ):
        axes.semilogy(sizes, [max(e, _LEAST) for e in errors], "o-", ms=4, label=name)
    chosen = max(best.validation_error, _LEAST)
    axes.semilogy([best.expression.complexity], [chosen], "r*", ms=14, label="chosen")
    axes.set(xlabel="complexity (nodes)", ylabel="mean squared error", title="the front")
    axes.legend()
    return figure


def draw_problems(seconds: Mapping[str, float], recovered: Mapping[str, bool]) -> Figure:
    """The time at which each problem's equation was found, coloured by whether it is the truth.

    Arguments:
        seconds: By name of the problem.
        recovered: Likewise.
    """
    figure = Figure(figsize=(7, 1 + 0.22 * len(seconds)), layout="constrained")
    axes = figure.subplots()
    names = list(seconds)
    colours = ["C2" if recovered[name] else "C3" for name in names]
    axes.barh(names, [max(seconds[name], 1e-3) for name in names], color=colours)
    axes.set(xscale="log", xlabel="seconds until it was found (green: the truth)")
    axes.invert_yaxis()
    return figure
