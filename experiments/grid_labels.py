"""The neurons of a grid along the sides of a picture: names, values, and not too many."""

import itertools
import math
from collections.abc import Sequence

from matplotlib.axes import Axes

from esr.hopfield import Axis

__all__ = ["label_side", "position_labels", "side_inches", "side_name"]

CHARACTER = 0.075
"""Width of a character of a tick label, in inches."""
LINE = 0.13
"""Height of a line of tick labels, in inches."""
FONT = 7


def side_name(axes: Sequence[Axis]) -> str:
    """Names of the axes that a side of the picture counts along, such as `row, column`."""
    return ", ".join(axis.name for axis in axes)


def position_labels(axes: Sequence[Axis]) -> list[str]:
    """The values at each position of axes that are counted row by row, such as `2,0`."""
    return [
        ",".join(str(value) for value in values)
        for values in itertools.product(*(axis.values for axis in axes))
    ]


def label_side(
    panel: Axes, side: str, axes: Sequence[Axis], inches: float, width: int = 1
) -> None:
    """Name one side of a panel and label as many positions as there is room for.

    Arguments:
        panel: Each position is `width` units long, the first one begins at -1/2.
        side: `x` or `y`.
        axes: What the side counts along; without any it stays bare.
        inches: Its length.
        width: Units of the panel for one position.
    """
    axis = panel.xaxis if side == "x" else panel.yaxis
    labels = position_labels(axes) if axes else []
    room = LINE if side == "y" else CHARACTER * (1 + max((len(t) for t in labels), default=1))
    stride = _round_stride(len(labels) * room / inches)
    places = range(0, len(labels), stride)
    axis.set_ticks(
        [width * place + (width - 1) / 2 for place in places],
        [labels[place] for place in places],
        fontsize=FONT,
    )
    axis.set_tick_params(length=2, pad=1.5)
    axis.set_label_text(side_name(axes), fontsize=FONT + 1)


def side_inches(axes: Sequence[Axis]) -> float:
    """Room that the labels of a vertical side need, in inches."""
    longest = max((len(label) for label in position_labels(axes)), default=0) if axes else 0
    return 0.3 + CHARACTER * longest


def _round_stride(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, ... that is no less."""
    if least <= 1:
        return 1
    power = int(10 ** math.floor(math.log10(least)))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)
