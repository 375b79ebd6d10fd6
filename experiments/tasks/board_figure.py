"""A square board with marks on its cells: queens, digits."""

from collections.abc import Collection, Mapping

from matplotlib.figure import Figure

__all__ = ["draw_board"]


def draw_board(
    side: int,
    marks: Mapping[tuple[int, int], str],
    *,
    title: str = "",
    bold: Collection[tuple[int, int]] = (),
    box: int = 0,
) -> Figure:
    """A board of side x side cells.

    Arguments:
        side: Rows and columns.
        marks: What stands at (row, column), counted from 0 at the upper left.
        title: Above the board.
        bold: Cells whose marks are bold.
        box: Cells between thick lines; 0 for a chequered board without lines.
    """
    size = max(3.0, min(9.0, 0.45 * side))
    figure = Figure(figsize=(size, size + 0.4), layout="constrained")
    axes = figure.subplots()
    if box:
        for line in range(side + 1):
            width = 2.0 if line % box == 0 else 0.5
            axes.axhline(line - 0.5, color="black", lw=width)
            axes.axvline(line - 0.5, color="black", lw=width)
    else:
        shades = [[(row + column) % 2 for column in range(side)] for row in range(side)]
        axes.imshow(shades, cmap="Greys", vmin=0, vmax=4)
    for (row, column), mark in marks.items():
        weight = "bold" if (row, column) in bold else "normal"
        letter = max(6.0, 28 * size / side / 1.6)
        axes.text(column, row, mark, ha="center", va="center_baseline", weight=weight, size=letter)
    axes.set(xlim=(-0.5, side - 0.5), ylim=(side - 0.5, -0.5), xticks=[], yticks=[], title=title)
    axes.set_aspect("equal")
    return figure
