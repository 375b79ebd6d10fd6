"""A picture of a recorded state that moves: what stands still is drawn once."""

import math
from collections.abc import Callable, Sequence
from io import BytesIO

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from esr.hopfield import Grid
from experiments.grid_labels import FONT, side_inches
from experiments.state_frame import Frame
from experiments.state_panels import (
    Reading,
    caption,
    draw_curves,
    draw_quantity,
    panel_inches,
    quantities_of,
    titled_curves,
)

__all__ = ["StatePicture"]

DPI = 75
BAR = 0.09
"""Width of a colour bar, in inches."""
BAR_ROOM = 0.55
"""A colour bar with its numbers, in inches."""
LEGEND_ROOM = 1.5
CURVES_HEIGHT = 1.7


class StatePicture:
    """u, V, QV and the loss-bias of one frame after the other, and energies up to it.

    All scales are the same in all frames.

    Arguments:
        grid: The neurons.
        frames: At least one.
        read: Says what the symbols `(G',)` of a state spell; for the title.
    """

    def __init__(self, grid: Grid, frames: Sequence[Frame], read: Reading | None) -> None:
        self._frames, self._read = frames, read
        self._quantities, curves = quantities_of(frames), titled_curves(frames)
        count, ratio = len(self._quantities), grid.slots / grid.symbols
        columns = count if ratio <= 1.5 else min(2, count) if ratio <= 4 else 1
        rows = -(-count // columns)
        left = side_inches(grid.symbol_axes)
        width, height = panel_inches(grid, 2.2, widest=10.0 / columns - left - BAR_ROOM)
        pitch, step_up = left + width + BAR_ROOM, height + 0.65
        lower = 0.45 + CURVES_HEIGHT + 0.35  # where panels of neurons begin
        across = max(columns * pitch, 4.0 * len(curves))
        size = (across + 0.05, lower + rows * step_up + (0.25 if read is None else 0.45))
        whole = [(math.ceil(DPI * side) + 0.2) / DPI for side in size]  # pixels, whichever way
        self.figure = Figure(figsize=(whole[0], whole[1]), dpi=DPI)  # matplotlib rounds
        spread = (across - columns * pitch) / columns
        self._images: list[AxesImage] = []
        for place, quantity in enumerate(self._quantities):
            row, column = divmod(place, columns)
            x = column * (pitch + spread) + spread / 2 + left
            y = lower + (rows - 1 - row) * step_up + 0.4
            panel = self._add(x, y, width, height)
            image = draw_quantity(panel, quantity, 0, grid, (width, height))
            panel.set_title(quantity.title, fontsize=FONT + 2)
            bar = self.figure.colorbar(
                image, cax=self._add(x + width + 0.06, y, BAR, height), extend=quantity.extend
            )
            bar.ax.tick_params(labelsize=FONT, length=2)
            self._images.append(image)
        self._show_curves: list[Callable[[int], list[Line2D]]] = []
        steps = [frame.step for frame in frames]
        for place, (title, each) in enumerate(curves):
            x = place * across / len(curves) + 0.5
            long = across / len(curves) - 0.5 - LEGEND_ROOM
            panel = self._add(x, 0.45, long, CURVES_HEIGHT)
            self._show_curves.append(draw_curves(panel, title, each, steps))
        self._room = int(size[0] * 9)
        self._title = self.figure.suptitle("", fontsize=FONT + 4, y=1 - 0.08 / size[1])
        self._freeze()

    def show(self, index: int) -> list[Artist]:
        """Show the frame of an index; returns what changed."""
        for image, quantity in zip(self._images, self._quantities, strict=True):
            image.set_data(quantity.values[index].T.numpy())
        lines = [line for show in self._show_curves for line in show(index)]
        self._title.set_text(caption(self._frames[index], self._read, self._room))
        return [*self._images, *lines, self._title]

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """The frame of an index as it is drawn: red, green, blue, `(height, width, 3)`."""
        self.show(index)
        return self._rendered()

    def _freeze(self) -> None:
        """Make a backdrop of all that never changes: most of the time goes into its text."""
        moving = self.show(0)
        for artist in moving:
            artist.set_visible(False)
        backdrop = self._rendered()
        for artist in moving:
            artist.set_visible(True)
        kept = {artist.axes for artist in moving}
        for panel in self.figure.axes:
            if panel not in kept:
                panel.remove()
                continue
            panel.set_axis_off()
            panel.set_title("")
            if (legend := panel.get_legend()) is not None:
                legend.remove()
        behind = self.figure.add_axes((0, 0, 1, 1), zorder=-1)
        behind.set_axis_off()
        behind.imshow(backdrop, aspect="auto", interpolation="nearest")

    def _rendered(self) -> NDArray[np.uint8]:
        across, up = int(self.figure.bbox.width), int(self.figure.bbox.height)
        buffer = BytesIO()  # the figure keeps its canvas: an animation would have Agg draw thrice
        self.figure.savefig(buffer, format="rgba", dpi=DPI)
        return np.frombuffer(buffer.getvalue(), np.uint8).reshape(up, across, 4)[..., :3].copy()

    def _add(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes at a place in inches."""
        across, up = self.figure.get_size_inches()
        return self.figure.add_axes((x / across, y / up, width / across, height / up))
