"""Figures as pixels: drawn once, however often they are written."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

__all__ = ["pixels_of", "save_picture"]

DPI = 120


def pixels_of(figure: Figure) -> NDArray[np.uint8]:
    """The picture of a figure, which is drawn unless it has not changed since it was.

    Arguments:
        figure: In inches; it is drawn with 120 pixels to each.
    Returns:
        Red, green and blue, `(height, width, 3)`.
    """
    canvas = figure.canvas
    if not isinstance(canvas, FigureCanvasAgg) or figure.stale or figure.dpi != DPI:
        figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
    pixels: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
    return pixels


def save_picture(figure: Figure, path: Path) -> None:
    """Write the picture of a figure.

    Arguments:
        figure: As for `pixels_of`.
        path: Of the file, ending in `.png`.
    """
    Image.fromarray(pixels_of(figure)).save(path, dpi=(DPI, DPI))
