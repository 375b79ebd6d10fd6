"""The couplings Q of a Hopfield network as a matrix, beside the rules its entries are from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from torch import Tensor

from esr.hopfield import CouplingTerm, Grid, HopfieldNetwork
from experiments.grid_labels import FONT, label_side, side_name

__all__ = ["draw_couplings"]

MOST_CELLS = 400
"""Rows of the largest matrix that is drawn."""
SIDE = 5.0
"""Inches of a matrix."""
PIXELS = 720
"""About as many are made of a matrix side."""
FORBIDDEN = "0.75"


@dataclass(frozen=True)
class _Cells:
    """Rows of the picture, each for `width` neurons that follow each other.

    Arguments:
        grid: The neurons.
        width: Neurons in a row.
    """

    grid: Grid
    width: int

    @classmethod
    def of(cls, grid: Grid) -> "_Cells":
        """Neurons if they are few, else slots, else as many slots as it takes."""
        if grid.size <= MOST_CELLS:
            return cls(grid, 1)
        return cls(grid, grid.symbols * -(-grid.slots // MOST_CELLS))

    @property
    def count(self) -> int:
        """Number of rows."""
        return -(-self.grid.size // self.width)

    def matrix(self, pairs: Tensor, values: Tensor) -> Tensor:
        """Sums of the values of pairs of neurons `(n, 2)`, first with second and second with
        first, `(count, count)`; a neuron with itself counts once."""
        first, second = (pairs.cpu() // self.width).unbind(1)
        amounts = values.detach().cpu().double()
        full = torch.zeros(self.count, self.count, dtype=torch.float64)
        full = full.index_put((first, second), amounts, accumulate=True)
        apart = pairs[:, 0].cpu() != pairs[:, 1].cpu()
        return full.index_put((second[apart], first[apart]), amounts[apart], accumulate=True)


def draw_couplings(network: HopfieldNetwork) -> Figure:
    """Q summed over the rules, and which rules each of its entries is from.

    Rows and columns are neurons, slot after slot; of more than 400 neurons those of a slot are
    added up. Hard rules, which are not in Q, are grey in the sum and striped among the rules.
    An entry of several rules is divided between their colours, the strongest first.

    Arguments:
        network: Whose couplings are drawn.
    """
    cells = _Cells.of(network.grid)
    pairs = [term for term in network.terms if term.order == 2]
    figure = Figure(figsize=(2 * SIDE + 4.4, SIDE + 0.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    forbidden = sum(
        (cells.matrix(term.neurons, torch.ones(len(term.neurons))) for term in pairs if term.hard),
        start=torch.zeros(cells.count, cells.count, dtype=torch.float64),
    )
    _draw_sum(left, cells, network, forbidden > 0)
    names = list(dict.fromkeys(term.name for term in pairs))
    right.imshow(_mosaic(cells, pairs, names), extent=_extent(cells), interpolation="nearest")
    right.set_title("rules", fontsize=FONT + 3)
    for panel in (left, right):
        _label(panel, cells)
    right.set_ylabel("")
    right.legend(
        handles=_legend(pairs, names, network.terms),
        fontsize=FONT + 1, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0),
    )  # fmt: skip
    return figure


def _draw_sum(panel: Axes, cells: _Cells, network: HopfieldNetwork, forbidden: Tensor) -> None:
    """The sum in colours that are pale at zero, and grey where hard rules alone act."""
    total = cells.matrix(*network.couplings.entries())
    sizes = total[total != 0].abs().numpy()
    limit = float(np.quantile(sizes, 0.98)) if len(sizes) else 1.0
    image = panel.imshow(
        total.numpy(), cmap="RdBu_r", vmin=-limit, vmax=limit, extent=_extent(cells)
    )
    empty = (forbidden & (total == 0)).numpy()
    cover = np.zeros((*empty.shape, 4))
    cover[empty] = to_rgba(FORBIDDEN)
    panel.imshow(cover, extent=_extent(cells), interpolation="nearest")
    figure = panel.get_figure()
    if figure is not None:
        beyond = "both" if len(sizes) and sizes.max() > 1.01 * limit else "neither"
        bar = figure.colorbar(image, ax=panel, extend=beyond, aspect=30, pad=0.01)
        bar.ax.tick_params(labelsize=FONT, length=2)
    added = "" if cells.width == 1 else ", added up over the symbols of slots"
    panel.set_title(f"couplings Q{added}", fontsize=FONT + 3)
    if bool(empty.any()):
        panel.legend(
            handles=[Patch(facecolor=FORBIDDEN, label="forbidden by hard rules")],
            fontsize=FONT, loc="upper center", bbox_to_anchor=(0.5, -0.09), frameon=False,
        )  # fmt: skip


def _mosaic(
    cells: _Cells, pairs: Sequence[CouplingTerm], names: Sequence[str]
) -> NDArray[np.float64]:
    """Cells in the colours of their rules, as an image."""
    count = cells.count
    grain = max(1, PIXELS // count)  # pixels of a cell's side
    shares = np.zeros((len(names), count, count))
    for term in pairs:
        sizes = torch.ones(len(term.neurons)) if term.hard else term.weights.abs()
        shares[names.index(term.name)] += cells.matrix(term.neurons, sizes).numpy()
    colours = np.array([to_rgb(_colour(place)) for place in range(len(names))]).reshape(-1, 3)
    order = np.argsort(-shares, axis=0, kind="stable")
    present = (shares > 0).sum(0)  # rules of each cell
    pixels = np.ones((count * grain, count * grain, 3))
    if not names:
        return pixels
    across, down = np.meshgrid(*2 * [np.arange(count * grain)])
    column, row = across // grain, down // grain
    rules = present[row, column]
    which = order[across % grain * rules // grain, row, column]
    filled = rules > 0
    pixels[filled] = colours[which[filled]]
    if grain >= 4:
        hard = np.array([_is_hard(pairs, name) for name in names])
        striped = filled & hard[which] & ((across + down) % grain % 4 == 0)
        pixels[striped] = 1.0
    return pixels


def _legend(
    pairs: Sequence[CouplingTerm], names: Sequence[str], terms: Sequence[CouplingTerm]
) -> list[Patch]:
    """A patch for each rule that couples pairs, then by name those that are not in a matrix."""
    entries = []
    for place, name in enumerate(names):
        hard = _is_hard(pairs, name)
        entries.append(
            Patch(
                facecolor=_colour(place),
                edgecolor="white" if hard else _colour(place),
                hatch="/////" if hard else None,
                label=f"{name} (hard)" if hard else name,
            )
        )
    for term in terms:
        if term.order != 2:
            what = "one neuron" if term.order == 1 else f"{term.order} neurons at once"
            label = f"{term.name} ({'hard, ' if term.hard else ''}on {what}, not in Q)"
            if label not in [str(entry.get_label()) for entry in entries]:
                entries.append(Patch(facecolor="none", edgecolor="none", label=label))
    return entries


def _is_hard(pairs: Sequence[CouplingTerm], name: str) -> bool:
    return any(term.hard for term in pairs if term.name == name)


def _colour(place: int) -> tuple[float, float, float]:
    """The strong colours first, then their pale companions, and again from the beginning."""
    family, pale = place % 10, place // 10 % 2
    red, green, blue, _ = colormaps["tab20"](2 * family + pale)
    return red, green, blue


def _extent(cells: _Cells) -> tuple[float, float, float, float]:
    """Each row of cells is one unit long, the first one begins at -1/2."""
    return -0.5, cells.count - 0.5, cells.count - 0.5, -0.5


def _label(panel: Axes, cells: _Cells) -> None:
    """Slots along both sides, and lines between them if they are few."""
    grid = cells.grid
    slots = grid.slot_axes
    several = max(1, cells.width // grid.symbols)  # slots in a cell
    if several > 1:
        panel.set_xlabel(f"{several} neighbours of {side_name(slots)}", fontsize=FONT + 1)
        panel.tick_params(labelsize=FONT, length=2)
        return
    width = grid.symbols if cells.width == 1 else 1
    for side in ("x", "y"):
        label_side(panel, side, slots, SIDE, width)
    inner = side_name(grid.symbol_axes)
    if inner and width > 1:
        for axis in (panel.xaxis, panel.yaxis):
            name = axis.get_label_text()
            axis.set_label_text(f"{name} (in each: {inner})", fontsize=FONT + 1)
    if width > 1 and grid.slots <= 40:
        for place in range(1, grid.slots):
            for line in (panel.axvline, panel.axhline):
                line(place * width - 0.5, color="0.85", lw=0.5)
