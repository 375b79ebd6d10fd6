"""Figures become pixels once."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from experiments.picture import pixels_of, save_picture


def test_a_figure_is_drawn_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, drawn = FigureCanvasAgg.draw, []

    def counted(canvas: FigureCanvasAgg) -> None:
        drawn.append(canvas)
        draw(canvas)

    monkeypatch.setattr(FigureCanvasAgg, "draw", counted)
    figure = Figure(figsize=(2, 1), layout="constrained")
    panel = figure.subplots()
    pixels = pixels_of(figure)
    save_picture(figure, tmp_path / "figure.png")
    assert len(drawn) == 1
    with Image.open(tmp_path / "figure.png") as saved:
        assert np.array_equal(np.asarray(saved), pixels)
    assert pixels.shape == (120, 240, 3)
    panel.plot([0, 1], [1, 0], color="red")
    assert not np.array_equal(pixels_of(figure), pixels)
    assert len(drawn) == 2
