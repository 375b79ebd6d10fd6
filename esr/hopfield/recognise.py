"""Finding the structure in couplings: entries of Q become structured blocks."""

import torch
from torch import Tensor

from esr.hopfield.blocks import AllPairsBlock, Block, EdgeBlock, ExplicitBlock, OffsetBlock

__all__ = ["merged_entries", "structured_blocks"]

SPARSE = 6
"""A matrix with fewer than one in so many entries is kept entry by entry."""

FEW_EDGES = 4
"""Unless as small as `SMALL`, a matrix of fewer edges than this is kept entry by entry."""

SMALL = 4096
"""Entries that a matrix may have however few its edges are."""


def merged_entries(neurons: Tensor, values: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Entries of Q with each pair of neurons once, in order, those that cancel left out.

    Arguments:
        neurons: Pairs `(n, 2)` in any order, integers below `size`.
        values: What each adds to Q, `(n,)`; gradients pass.
        size: Number of neurons.
    Returns:
        Pairs `(m, 2)`, the first not above the second, and entries of Q, `(m,)`.
    """
    low, high = neurons.amin(1), neurons.amax(1)
    keys, inverse = torch.unique(low * size + high, return_inverse=True)
    summed = values.new_zeros(len(keys)).index_add(0, inverse, values)
    if not summed.requires_grad:
        kept = summed != 0
        keys, summed = keys[kept], summed[kept]
    return torch.stack([keys // size, keys % size], 1), summed


def structured_blocks(neurons: Tensor, values: Tensor, slots: int, symbols: int) -> list[Block]:
    """Blocks that together are these entries of Q.

    Edges between slots with the same matrix share it, whatever rules the entries came from.
    Entries that carry gradients stay explicit, for equal values may have different gradients.

    Arguments:
        neurons: Pairs `(n, 2)` as `merged_entries` gives them.
        values: Entries of Q, `(n,)`.
        slots: Number of slots G.
        symbols: Neurons of a slot, S.
    """
    if not len(values):
        return []
    if values.requires_grad:
        return [ExplicitBlock(neurons, values)]
    slot, symbol = neurons // symbols, neurons % symbols
    edge_keys, edge = torch.unique(slot[:, 0] * slots + slot[:, 1], return_inverse=True)
    place = symbol[:, 0] * symbols + symbol[:, 1]
    prints = _fingerprints(place, values, edge, len(edge_keys))
    prints = prints ^ (edge_keys // slots == edge_keys % slots).long()  # within and between
    _, kind = torch.unique(prints, return_inverse=True)  # (E,): edges alike have one kind
    by_kind = torch.argsort(kind, stable=True)
    counts = torch.bincount(kind)
    blocks: list[Block] = []
    left = torch.zeros(len(edge_keys), dtype=torch.bool, device=neurons.device)
    order = torch.argsort(edge, stable=True)
    starts = torch.bincount(edge, minlength=len(edge_keys)).cumsum(0).tolist()
    # A loop over the distinct matrices, of which there are few.
    for edges in torch.split(by_kind, counts.tolist()):
        example = int(edges[0])
        mine = order[(starts[example - 1] if example else 0) : starts[example]]
        area = symbols * symbols
        sparse = SPARSE * len(mine) < area
        if area > SMALL and (sparse or len(edges) < FEW_EDGES):
            left[edges] = True
            continue
        joined = torch.stack([edge_keys[edges] // slots, edge_keys[edges] % slots], 1)
        matrix = values.new_zeros(area)
        matrix[place[mine]] = values[mine]
        blocks.append(_block(joined, matrix.view(symbols, symbols), slots))
    explicit = left[edge]
    if bool(explicit.any()):
        blocks.append(ExplicitBlock(neurons[explicit], values[explicit]))
    return blocks


def _block(joined: Tensor, matrix: Tensor, slots: int) -> Block:
    """The cheapest block of one matrix on these edges."""
    first, second = joined[:, 0], joined[:, 1]
    distance = int(second[0] - first[0])
    if distance == 0:  # a slot with itself: only the upper half was given
        matrix = matrix + matrix.triu(1).T
    steps = first[1:] - first[:-1]
    if bool((second - first == distance).all()) and bool((steps == 1).all()):
        return OffsetBlock(int(first[0]), len(first), distance, matrix)
    if distance and len(joined) == slots * (slots - 1) // 2 and bool((first < second).all()):
        return AllPairsBlock(slots, matrix)
    return EdgeBlock(joined, matrix)


def _fingerprints(place: Tensor, values: Tensor, edge: Tensor, edges: int) -> Tensor:
    """A 64-bit number for each edge, the same for equal matrices: wrapping sums of mixed bits.

    Two matrices that differ share one with a chance of about 2**-64.
    """
    bits = values.double().view(torch.int64)
    mixed = (place + 1) * -7046029254386353131 + bits
    for shift, factor in ((30, -4658895280553007687), (27, -7723592293110705685)):
        mixed = (mixed ^ (mixed >> shift)) * factor
    return mixed.new_zeros(edges).index_add(0, edge, mixed ^ (mixed >> 31))
