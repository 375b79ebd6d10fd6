"""Pictures of a recorded Hopfield state: a figure, a moving picture, and its single frames."""

from collections.abc import Sequence

import torch
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from torch import Tensor

from experiments.grid_labels import FONT
from experiments.state_panels import (
    Reading,
    caption,
    draw_curves,
    draw_quantity,
    panel_inches,
    quantities_of,
    titled_curves,
)
from experiments.state_picture import StatePicture
from experiments.state_record import StateRecord

__all__ = ["animate_record", "draw_record", "still_frames"]

CURVES_WIDTH = 5.0
"""Inches for energies over time, with their legends."""


def draw_record(record: StateRecord, read: Reading | None = None) -> Figure:
    """u, V, QV and the loss-bias at the first, middle and last moment, and energies over time.

    Arguments:
        record: Of a training that reported at least once.
        read: Says what the symbols `(G',)` of a state spell; for the titles.
    Raises:
        ConfigurationError: If nothing has been recorded.
    """
    grid, frames = record.grid, record.frames
    quantities, curves = quantities_of(frames), titled_curves(frames)
    moments = sorted({0, len(frames) // 2, len(frames) - 1})
    width, height = panel_inches(grid, 2.1, widest=4.5)
    size = (
        len(moments) * (width + 0.45) + 0.9 + CURVES_WIDTH,
        max(len(quantities) * (height + 0.5) + 0.3, 2.0 * len(curves)) + 0.4,
    )
    figure = Figure(figsize=size, layout="constrained")
    ratios = [size[0] - CURVES_WIDTH, CURVES_WIDTH]
    left, right = figure.subfigures(1, 2, width_ratios=ratios, squeeze=False)[0]
    panels = left.subplots(len(quantities), len(moments), squeeze=False)
    for row, quantity in zip(panels, quantities, strict=True):
        for panel, moment in zip(row, moments, strict=True):
            image = draw_quantity(panel, quantity, moment, grid, (width, height))
            panel.label_outer(remove_inner_ticks=False)
        _colour_bar(left, image, row, quantity.title, quantity.extend)
    for panel, moment in zip(panels[0], moments, strict=True):
        room = int(12 * (width + 0.3))
        panel.set_title(caption(frames[moment], read, room, short=True), fontsize=FONT + 1)
    steps = [frame.step for frame in frames]
    places = right.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for place, (title, each) in zip(places, curves, strict=True):
        draw_curves(place, title, each, steps)
        place.label_outer()
    return figure


def animate_record(record: StateRecord, read: Reading | None = None) -> FuncAnimation:
    """A moving picture of u, V, QV and the loss-bias, with the energies up to each moment.

    Scales are the same in all frames. Save it with `save_gif` or, where
    ffmpeg is installed, with matplotlib's `FFMpegWriter`.

    Arguments:
        record: Of a training that reported at least once.
        read: Says what the symbols `(G',)` of a state spell; for the title.
    Raises:
        ConfigurationError: If nothing has been recorded.
    """
    picture = StatePicture(record.grid, record.frames, read)
    return FuncAnimation(
        picture.figure,
        picture.show,
        frames=len(record.frames),
        init_func=lambda: picture.show(0),
        interval=125,
        cache_frame_data=False,
    )


def still_frames(
    record: StateRecord, read: Reading | None = None, most: int = 8
) -> list[tuple[int, Tensor]]:
    """Frames of the moving picture, evenly spread, with the steps they belong to.

    Arguments:
        record: Of a training that reported at least once.
        read: As for `animate_record`.
        most: Largest number of frames, at least 1; the last one is always among them.
    Returns:
        Steps and red, green, blue of each pixel, uint8 `(height, width, 3)`.
    Raises:
        ConfigurationError: If nothing has been recorded.
    """
    grid, frames = record.grid, record.frames
    picture = StatePicture(grid, frames, read)
    last = len(frames) - 1
    chosen = sorted({last - round(k * last / max(1, most - 1)) for k in range(most)})
    return [(frames[index].step, torch.from_numpy(picture.pixels(index))) for index in chosen]


def _colour_bar(
    figure: Figure | SubFigure, image: AxesImage, panels: Sequence[Axes], label: str, extend: str
) -> None:
    bar = figure.colorbar(image, ax=panels, extend=extend, aspect=25, pad=0.02)
    bar.ax.tick_params(labelsize=FONT, length=2)
    bar.set_label(label, fontsize=FONT + 1)
    bar.outline.set_visible(False)
