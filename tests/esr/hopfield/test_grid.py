"""The grid's bookkeeping: positions, flat indices and layouts are each other's inverse."""

import pytest
import torch

from esr.errors import ConfigurationError
from esr.hopfield import Axis, CouplingTerm, Grid

AXES = [
    Axis("teacher", ("ann", "bob")),
    Axis("room", (0, 1, 2)),
    Axis("hour", (0, 1, 2, 3)),
]


@pytest.mark.parametrize("one_of", [[], ["teacher"], ["room"], ["hour"], ["room", "hour"]])
def test_positions_invert_neurons_and_layouts_agree(one_of: list[str]) -> None:
    grid = Grid(AXES, one_of)
    every = torch.arange(grid.size)
    assert torch.equal(grid.neurons(grid.positions(every)), every)
    spread = torch.rand(5, 2, 3, 4)
    states = grid.in_slots(spread)
    assert states.shape == (5, grid.slots, grid.symbols)
    assert torch.equal(grid.on_axes(states), spread)
    neuron = grid.neuron("bob", 2, 1)
    assert torch.equal(states.flatten(1)[:, neuron], spread[:, 1, 2, 1])
    assert grid.label(neuron) == "V['bob', 2, 1]"


def test_groups_are_what_one_of_says() -> None:
    grid = Grid(AXES, ["room", "hour"])
    assert (grid.slots, grid.symbols) == (2, 12)
    assert [axis.name for axis in grid.slot_axes] == ["teacher"]
    assert Grid(AXES[:1]).slots == 2  # a single free axis: slots of one neuron


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Axis("a", (1, 1)), "no value twice"),
        (lambda: Axis("a", ()), "at least one value"),
        (lambda: Grid([]), "at least one"),
        (lambda: Grid([AXES[0], AXES[0]]), "distinct axes"),
        (lambda: Grid(AXES, ["hours"]), "did you mean 'hour'"),
        (lambda: Grid(AXES).neuron("bob", 1), "3 values are needed"),
        (lambda: Grid(AXES).neuron("bop", 1, 1), "did you mean 'bob'"),
        (lambda: CouplingTerm("r", torch.zeros(3), torch.zeros(3)), "must have shape"),
        (
            lambda: CouplingTerm("r", torch.zeros(3, 2).long(), torch.zeros(2)),
            "need as many weights",
        ),
    ],
)
def test_misuse_is_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()  # type: ignore[operator]
