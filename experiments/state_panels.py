"""Panels of a recorded state: a grid of neurons as an image, and energies over time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from torch import Tensor

from esr.hopfield import Grid
from experiments.grid_labels import FONT, label_side
from experiments.state_frame import Frame

__all__ = [
    "Curve",
    "Quantity",
    "Reading",
    "caption",
    "draw_curves",
    "draw_quantity",
    "panel_inches",
    "quantities_of",
    "titled_curves",
]

Reading = Callable[[Tensor], str]
"""What symbols `(G',)` of a state spell, as text."""


NAMED_RULES = 10
"""Rules with a curve and a colour of their own."""


@dataclass(frozen=True)
class Quantity:
    """Something each neuron has, over time, and the colours it is shown in.

    Arguments:
        title: What it is.
        values: Shape `(T, G, S)`.
        colours: Name of a colour map.
        low: Value of its first colour.
        high: Value of its last colour.
        extend: Which ends the values exceed, in matplotlib's words.
    """

    title: str
    values: Tensor
    colours: str
    low: float
    high: float
    extend: str = "neither"


@dataclass(frozen=True)
class Curve:
    """A number over time.

    Arguments:
        label: What it is.
        values: One for each frame.
        colour: As matplotlib names it.
        style: Of the line, as matplotlib names it.
        width: Of the line, in points.
    """

    label: str
    values: Sequence[float]
    colour: str
    style: str = "-"
    width: float = 1.3


def quantities_of(frames: Sequence[Frame]) -> list[Quantity]:
    """u, V, QV and, where it is known at every frame, the loss-bias; colours fit all frames."""
    found = [
        _signed("internal state u", torch.stack([frame.internal for frame in frames])),
        Quantity(
            "activation V", torch.stack([frame.active for frame in frames]), "viridis", 0.0, 1.0
        ),
        _signed("product QV", torch.stack([frame.product for frame in frames])),
    ]
    biases = [frame.loss_bias for frame in frames if frame.loss_bias is not None]
    if len(biases) == len(frames):
        found.append(_signed("loss-bias -∂L/∂V", torch.stack(biases)))
    return found


def _signed(title: str, values: Tensor) -> Quantity:
    """Colours that are pale at zero; a fiftieth of the values that are not zero may exceed them,
    lest a few outliers leave all others pale."""
    sizes = values.abs()[values.isfinite() & (values != 0)].double().numpy()
    limit = float(np.quantile(sizes, 0.98)) if len(sizes) else 1.0
    exceeded = len(sizes) > 0 and float(sizes.max()) > 1.01 * limit
    return Quantity(title, values, "RdBu_r", -limit, limit, "both" if exceeded else "neither")


def draw_quantity(
    panel: Axes, quantity: Quantity, index: int, grid: Grid, inches: tuple[float, float]
) -> AxesImage:
    """One frame of a quantity: slots from left to right, the neurons of a slot downwards.

    Arguments:
        panel: Where it is drawn.
        quantity: What is drawn.
        index: Which frame.
        grid: The neurons.
        inches: Width and height of the panel.
    Returns:
        The image, whose data are the transposed values `(S, G)`.
    """
    image = panel.imshow(
        quantity.values[index].T.numpy(),
        cmap=quantity.colours,
        vmin=quantity.low,
        vmax=quantity.high,
        aspect="auto",
    )
    label_side(panel, "x", grid.slot_axes, inches[0])
    label_side(panel, "y", grid.symbol_axes, inches[1])
    return image


def titled_curves(frames: Sequence[Frame]) -> list[tuple[str, list[Curve]]]:
    """Energies of the state and of the replicas; of its parts; broken hard rules. Those of which
    there are any, with a title each."""
    energies = [frame.energies for frame in frames]
    totals = [
        Curve("shown replica", [each.total for each in energies], "black", width=1.8),
        Curve("best replica", [each.best for each in energies], "tab:green", "--"),
        Curve("median replica", [each.median for each in energies], "tab:gray", ":"),
    ]
    data = [each.data for each in energies if each.data is not None]
    if len(data) == len(frames):
        totals.append(Curve("data (loss)", data, "tab:red"))
    parts = _rule_curves(frames)
    integral = [each.integral for each in energies]
    if any(integral):
        parts.append(Curve("activation", integral, "black", "--"))
    broken = [float(each.violations) for each in energies]
    violations = [Curve("instances", broken, "tab:red")] if any(broken) else []
    titled = (("energy", totals), ("energy by rule", parts), ("broken hard rules", violations))
    return [(title, curves) for title, curves in titled if curves]


def _rule_curves(frames: Sequence[Frame]) -> list[Curve]:
    """The rules that vary the most by name, all others as one sum."""
    shares = {
        name: [frame.energies.by_rule[name] for frame in frames]
        for name in frames[0].energies.by_rule
    }
    ranges = {name: max(map(abs, values)) for name, values in shares.items()}
    most = sorted(ranges, key=lambda name: -ranges[name])[:NAMED_RULES]
    named = [name for name in shares if name in most]
    curves = [Curve(name, shares[name], f"C{place}") for place, name in enumerate(named)]
    others = [values for name, values in shares.items() if name not in most]
    if others:
        label = f"{len(others)} other rules"
        curves.append(Curve(label, [sum(each) for each in zip(*others, strict=True)], "0.7"))
    return curves


def draw_curves(
    panel: Axes, title: str, curves: Sequence[Curve], steps: Sequence[int]
) -> Callable[[int], list[Line2D]]:
    """Curves over steps in a panel whose scales fit all of them.

    Arguments:
        panel: Where they are drawn.
        title: Of the panel.
        curves: At least one.
        steps: Step of each frame.
    Returns:
        Shows the curves up to the frame of an index only, and returns them.
    """
    marker = "o" if len(steps) == 1 else ""
    lines: list[Line2D] = []
    for curve in curves:
        lines += panel.plot(
            steps, curve.values, curve.style, marker=marker, ms=4,
            color=curve.colour, lw=curve.width, label=curve.label,
        )  # fmt: skip
    values = [value for curve in curves for value in curve.values if math.isfinite(value)]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.5
    panel.set(ylim=(low - margin, high + margin))
    if steps[-1] > steps[0]:
        room = 0.02 * (steps[-1] - steps[0])
        panel.set(xlim=(steps[0] - room, steps[-1] + room))
    panel.set_title(title, fontsize=FONT + 2)
    panel.set_xlabel("step", fontsize=FONT + 1)
    panel.tick_params(labelsize=FONT, length=2)
    panel.grid(color="0.92", lw=0.6)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(
        fontsize=FONT, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.03),
        borderaxespad=0.2, handlelength=1.6,
    )  # fmt: skip

    def show(index: int) -> list[Line2D]:
        for line, curve in zip(lines, curves, strict=True):
            line.set_data(steps[: index + 1], curve.values[: index + 1])
        return lines

    return show


def caption(frame: Frame, read: Reading | None, room: int, short: bool = False) -> str:
    """Step and replica, and below what the state spells, in lines of at most `room`."""
    energies = frame.energies
    line = f"step {frame.step}, replica {frame.replica}"
    if not short:
        line += f", energy {energies.total:.4g}"
    if energies.violations:
        line += f", {energies.violations} broken"
    if read is None:
        return line
    text = " ".join(read(frame.symbols).split())
    return f"{line}\n" + (text if len(text) <= room else text[: max(1, room - 1)] + "…")


def panel_inches(grid: Grid, height: float, widest: float) -> tuple[float, float]:
    """Width and height of a panel, inches: square neurons if neither gets out of hand."""
    ratio = grid.slots / grid.symbols
    width = min(max(height * ratio, 1.4), widest)
    return width, min(max(width / ratio, 0.6 * height), 1.3 * height)
