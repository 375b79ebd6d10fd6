"""Cutting and grafting of subtrees, and what lies above and below."""

import torch

from esr.search.chains.alphabet import Alphabet
from esr.search.chains.draws import Draws
from esr.search.chains.edges import EdgePotentials
from esr.search.chains.heap import Heap, Programs
from esr.search.chains.landscape import Landscape
from esr.search.chains.mutations import Mutations
from esr.spelling import HeapTree


def test_a_part_grafted_where_it_was_cut_changes_nothing(
    landscape: Landscape, drawn: Programs, draws: Draws
) -> None:
    slots = draws.marked(drawn.symbols > 0)
    part = landscape.heap.cut(drawn, slots)
    again = landscape.heap.graft(drawn, slots, part)
    assert torch.equal(again.symbols, drawn.symbols)
    assert torch.equal(again.gains, drawn.gains)


def test_a_grafted_part_is_what_is_cut_there(
    landscape: Landscape, drawn: Programs, draws: Draws
) -> None:
    heap = landscape.heap
    slots = draws.marked(drawn.symbols > 0)
    parts = drawn.at(torch.arange(len(drawn)).flip(0))
    fits = heap.heights(parts.symbols) <= heap.room[slots]
    changed = heap.graft(drawn, slots, parts)
    back = heap.cut(changed, slots)
    assert int(fits.sum()) > 30
    assert torch.equal(back.symbols[fits], parts.symbols[fits])
    assert torch.equal(back.gains[fits], parts.gains[fits])


def test_heights_and_what_is_above() -> None:
    heap = Heap(3)
    symbols = torch.tensor([[5, 5, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]])
    assert heap.heights(symbols).tolist() == [3, 1]
    assert heap.reaches(symbols).tolist() == [[3, 2, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]]
    mask = torch.zeros(1, 7, dtype=torch.bool)
    mask[0, 4] = True
    assert heap.above(mask).nonzero()[:, 1].tolist() == [0, 1, 4]
    assert heap.room.tolist() == [3, 2, 2, 1, 1, 1, 1]


def test_mutations_keep_trees_valid(landscape: Landscape, drawn: Programs, draws: Draws) -> None:
    alphabet: Alphabet = landscape.alphabet
    tree = HeapTree(alphabet.functions, alphabet.variables, (1.0,), landscape.heap.depth)
    mutations = Mutations(
        alphabet, landscape.heap, EdgePotentials(alphabet, landscape.heap), draws
    )
    others = drawn.at(draws.order(len(drawn)))
    for changed in (
        mutations.fresh(50),
        mutations.redrawn(drawn)[0],
        mutations.replaced(drawn),
        mutations.freed(drawn),
        mutations.settled(drawn),
        mutations.crossed(drawn, others),
        mutations.lifted(drawn),
    ):
        assert bool(tree.valid(changed.symbols).all())
        assert bool((changed.gains != 0).all())
        assert bool((changed.gains[changed.symbols == 0] == 1).all())


def test_settling_and_freeing_touch_one_gain(
    landscape: Landscape, drawn: Programs, draws: Draws
) -> None:
    alphabet = landscape.alphabet
    mutations = Mutations(
        alphabet, landscape.heap, EdgePotentials(alphabet, landscape.heap), draws
    )
    for changed in (mutations.freed(drawn), mutations.settled(drawn)):
        assert torch.equal(changed.symbols, drawn.symbols)
        assert int((changed.gains != drawn.gains).sum(1).max()) == 1
    settled = mutations.settled(drawn).gains
    assert bool((settled[settled != drawn.gains] % 1 == 0).all())
