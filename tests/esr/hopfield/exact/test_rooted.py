import pytest
import torch

from esr.errors import ConfigurationError
from esr.hopfield.exact.rooted import RootedForest


def test_heap_has_a_level_for_each_depth() -> None:
    levels = RootedForest.heap(7).levels
    assert [level.slots.tolist() for level in levels] == [[0], [1, 2], [3, 4, 5, 6]]
    assert levels[2].parents.tolist() == [0, 0, 1, 1]
    assert levels[2].edges.tolist() == [2, 3, 4, 5]
    assert levels[2].forward.all()


def test_chain_can_hang_from_its_middle_and_lone_slots_are_roots() -> None:
    edges = torch.tensor([[0, 1], [1, 2]])
    levels = RootedForest(4, edges, roots=[1]).levels
    assert [level.slots.tolist() for level in levels] == [[1, 3], [0, 2]]
    assert levels[1].forward.tolist() == [False, True]


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[0, 1], [2, 3], [3, 0], [1, 3]], "edges 1-0, 0-3, 3-1 close a cycle"),
        ([[0, 1], [1, 0]], "edge 1-0 is given twice"),
        ([[0, 4]], "0-4 is given"),
        ([[1, 1]], "1-1 is given"),
        ([[0, 1, 2]], r"edges must be \(E, 2\)"),
    ],
)
def test_what_is_no_forest_is_refused(edges: list[list[int]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RootedForest(4, torch.tensor(edges))


def test_two_roots_in_one_tree_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="root 2 hangs below"):
        RootedForest(3, torch.tensor([[0, 1], [1, 2]]), roots=[0, 2])
    with pytest.raises(ConfigurationError, match="slots 0 to 2"):
        RootedForest(3, torch.tensor([[0, 1]]), roots=[3])
