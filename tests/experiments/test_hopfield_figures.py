"""Pictures of networks and their states: what is in them, and files of as many frames."""

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield import (
    Annealing,
    Axis,
    Couplings,
    CouplingTerm,
    Grid,
    HopfieldNetwork,
    NetworkState,
    Searcher,
)
from esr.random import RandomStreams
from experiments.couplings_figure import draw_couplings
from experiments.gif import save_gif
from experiments.grid_labels import position_labels
from experiments.hopfield_figures import animate_record, draw_record, still_frames
from experiments.state_record import StateRecord
from experiments.tasks.task import Conclusion
from experiments.tensorboard import TensorBoardLog


def network(slots: int = 4, kinds: str = "abc") -> HopfieldNetwork:
    """Slots of a row, neighbours alike softly, ends different by a hard rule."""
    width = len(kinds)
    grid = Grid([Axis("place", tuple(range(slots))), Axis("kind", tuple(kinds))], ["kind"])
    pairs = [
        [width * g + s, width * g + width + s] for g in range(slots - 1) for s in range(width)
    ]
    ends = [[s, width * (slots - 1) + s] for s in range(width)]
    return HopfieldNetwork(
        grid,
        [
            CouplingTerm("alike", torch.tensor(pairs), torch.ones(len(pairs))),
            CouplingTerm("ends", torch.tensor(ends), torch.ones(width), hard=True),
            CouplingTerm("liking", torch.tensor([[0]]), torch.ones(1)),
        ],
    )


def searched(of: HopfieldNetwork, sweeps: int = 12) -> StateRecord:
    record, model = StateRecord(most=8), NetworkState(of, 3)
    search = Searcher(None, Annealing(sweeps=sweeps, high=2.0, low=0.2, watch_every=2))
    search.fit(model, None, RandomStreams(0), callbacks=[record])
    return record


@pytest.fixture(scope="module")
def record() -> StateRecord:
    return searched(network())


@pytest.fixture(scope="module")
def stills(record: StateRecord) -> list[tuple[int, Tensor]]:
    return still_frames(record, read, most=6)


def read(symbols: Tensor) -> str:
    return "".join("abc"[symbol] for symbol in symbols.tolist())


def texts(figure: Figure) -> set[str]:
    """What the panels of a figure say: titles, axes, ticks and legends."""
    found = set()
    for panel in figure.axes:
        found |= {panel.get_title(), panel.get_xlabel(), panel.get_ylabel()}
        found |= {label.get_text() for label in panel.get_xticklabels()}
        found |= {label.get_text() for label in panel.get_yticklabels()}
        if (legend := panel.get_legend()) is not None:
            found |= {text.get_text() for text in legend.get_texts()}
    return found


def test_the_figure_shows_the_state_at_three_moments_and_energies(record: StateRecord) -> None:
    figure = draw_record(record, read)
    images = [panel.images[0].get_array() for panel in figure.axes if panel.images]
    frames = record.frames
    moments = [frames[0], frames[len(frames) // 2], frames[-1]]
    shown = [
        *(frame.internal for frame in moments),
        *(frame.active for frame in moments),
        *(frame.product for frame in moments),
    ]
    assert len(images) == len(shown)
    for image, values in zip(images, shown, strict=True):
        assert np.array_equal(np.asarray(image), values.T.numpy())
    said = texts(figure)
    assert said >= {"place", "kind", "a", "b", "c", "energy", "energy by rule", "alike", "liking"}
    assert said >= {"internal state u", "activation V", "product QV"}
    assert any(read(frames[-1].symbols) in text for text in said)
    (curve,) = [
        line
        for panel in figure.axes
        for line in panel.get_lines()
        if line.get_label() == "shown replica"
    ]
    assert list(curve.get_xdata()) == [frame.step for frame in frames]
    assert list(curve.get_ydata()) == [frame.energies.total for frame in frames]


@pytest.mark.slow
def test_a_gif_has_every_frame(
    record: StateRecord, stills: list[tuple[int, Tensor]], tmp_path: Path
) -> None:
    path = tmp_path / "state.gif"
    save_gif(animate_record(record, read), path)
    gc.collect()  # an animation that was not drawn would warn as it goes
    with Image.open(path) as film:
        assert film.n_frames == len(record.frames) == 6
        assert film.info["duration"] == 120  # GIF counts in hundredths of a second
        last = len(record.frames) - 1
        film.seek(last)
        drawn = np.asarray(film.convert("RGB")).astype(int)
    _, still = stills[-1]
    assert drawn.shape == still.shape
    # a palette of 256 colours: no pixel is far off
    assert np.abs(drawn - still.numpy()).max() < 64


def test_stills_are_spread_over_the_record(
    record: StateRecord, stills: list[tuple[int, Tensor]]
) -> None:
    steps = [frame.step for frame in record.frames]
    assert [step for step, _ in stills] == steps
    few = still_frames(record, most=3)
    assert [step for step, _ in few] == [steps[0], steps[3], steps[-1]]
    (_, first), (_, second), _ = few
    assert first.dtype == torch.uint8
    assert first.shape == second.shape
    assert not torch.equal(first, second)


def test_tensorboard_has_frames_at_their_steps(
    stills: list[tuple[int, Tensor]], tmp_path: Path
) -> None:
    log: TensorBoardLog[object] = TensorBoardLog(tmp_path, lambda model, replica: {})
    log.started(12, 0)
    frames = stills[::2]
    log.conclude(Conclusion(metrics={"energy": 0.0}, frames={"state": frames}), {"seed": 0}, 12)
    events = EventAccumulator(str(tmp_path), size_guidance={"images": 0})
    events.Reload()
    images = events.Images("frames/state")
    assert [image.step for image in images] == [step for step, _ in frames]
    assert {(image.height, image.width) for image in images} == {frames[0][1].shape[:2]}


@pytest.mark.parametrize(
    "grid",
    [
        Grid([Axis("neuron", tuple(range(30)))]),
        Grid([Axis("row", (0, 1)), Axis("column", tuple(range(45))), Axis("d", (1, 2))], ["d"]),
        Grid([Axis("only", ("a", "b"))], ["only"]),
    ],
    ids=["free", "three-axes", "one-slot"],
)
def test_grids_of_every_shape_are_drawn(grid: Grid) -> None:
    pair = CouplingTerm("pair", torch.tensor([[0, grid.size - 1]]), torch.ones(1))
    record = searched(HopfieldNetwork(grid, [pair]), sweeps=4)
    figure = draw_record(record)
    for panel in (panel for panel in figure.axes if panel.images):
        assert panel.images[0].get_array().shape == (grid.symbols, grid.slots)
        assert len(panel.get_xticks()) <= max(grid.slots, 1)
    slots, symbols = (
        ", ".join(a.name for a in axes) for axes in (grid.slot_axes, grid.symbol_axes)
    )
    assert texts(figure) >= {slots, symbols}


def test_labels_count_axes_row_by_row() -> None:
    axes = [Axis("row", (0, 1)), Axis("column", ("a", "b"))]
    assert position_labels(axes) == ["0,a", "0,b", "1,a", "1,b"]


def test_couplings_are_drawn_with_their_rules() -> None:
    drawn = network()
    figure = draw_couplings(drawn)
    total, rules, _ = figure.axes
    assert np.array_equal(
        np.asarray(total.images[0].get_array()), drawn.couplings.dense().double().numpy()
    )
    said = texts(figure)
    assert said >= {"couplings Q", "rules", "alike", "ends (hard)", "forbidden by hard rules"}
    assert "liking (on one neuron, not in Q)" in said
    legend = rules.get_legend()
    assert legend is not None
    soft, hard = [patch for patch in legend.get_patches() if isinstance(patch, Patch)][:2]
    assert (soft.get_hatch(), bool(hard.get_hatch())) == (None, True)
    pixels = np.asarray(rules.images[0].get_array())
    grain = len(pixels) // 12
    soft_cell = pixels[:grain, 3 * grain : 4 * grain].reshape(-1, 3)  # neurons 0 and 3
    hard_cell = pixels[:grain, 9 * grain : 10 * grain].reshape(-1, 3)  # neurons 0 and 9
    assert np.unique(soft_cell, axis=0) == pytest.approx(np.array([soft.get_facecolor()[:3]]))
    assert len(np.unique(hard_cell, axis=0)) == 2  # its colour and the stripes
    empty = pixels[:grain, grain : 2 * grain]  # neurons 0 and 1
    assert (empty == 1).all()


def test_an_entry_of_two_rules_has_both_colours() -> None:
    grid = Grid([Axis("neuron", (0, 1))])
    pair = torch.tensor([[0, 1]])
    terms = [
        CouplingTerm("weak", pair, torch.ones(1)),
        CouplingTerm("strong", pair, -3 * torch.ones(1)),
    ]
    figure = draw_couplings(HopfieldNetwork(grid, terms))
    legend = figure.axes[1].get_legend()
    assert legend is not None
    weak, strong = (patch.get_facecolor()[:3] for patch in legend.get_patches())
    pixels = np.asarray(figure.axes[1].images[0].get_array())
    half = len(pixels) // 2
    cell = pixels[:half, half:]
    assert cell[0, 0] == pytest.approx(strong)
    assert cell[0, -1] == pytest.approx(weak)


def test_large_couplings_are_added_up() -> None:
    drawn = network(slots=150, kinds="abcd")
    figure = draw_couplings(drawn)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    full = drawn.couplings.dense().double().view(150, 4, 150, 4).sum((1, 3))
    assert np.array_equal(shown, full.numpy())
    assert any("added up" in text for text in texts(figure))
    grid = Grid([Axis("neuron", tuple(range(1000)))])
    pair = CouplingTerm("pair", torch.tensor([[0, 999], [1, 2], [5, 5]]), torch.ones(3))
    figure = draw_couplings(HopfieldNetwork(grid, [pair]))
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert shown.shape == (334, 334)
    assert shown.sum() == pytest.approx(float(Couplings(grid, [pair]).dense().sum()))


def test_networks_without_pairs_are_drawn() -> None:
    grid = Grid([Axis("neuron", (0, 1))])
    figure = draw_couplings(HopfieldNetwork(grid, []))
    figure.draw_without_rendering()


def test_an_empty_record_is_refused() -> None:
    for draw in (draw_record, animate_record, still_frames):
        with pytest.raises(ConfigurationError, match="nothing has been recorded"):
            draw(StateRecord())
