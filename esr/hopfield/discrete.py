"""Terms as they act on states of zeros and ones: multilinear, one symbol in each slot."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from esr.hopfield.grid import Axis, Grid
from esr.hopfield.term import CouplingTerm

__all__ = ["as_groups", "from_groups", "multilinear", "priced"]


def multilinear(grid: Grid, terms: Sequence[CouplingTerm]) -> list[CouplingTerm]:
    """Terms with the same energy at every vertex, linear in each neuron.

    A neuron that occurs twice in an instance counts once, for v^2 = v; an instance with two
    neurons of one one-of-many slot never acts and is left out. Coordinate-wise updates then
    minimise the energy exactly, and mean field needs no self-coupling.
    """
    result = []
    for term in terms:
        ordered = term.neurons.sort(1).values
        repeated = torch.zeros_like(ordered, dtype=torch.bool)
        repeated[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
        if grid.grouped:
            slots = ordered // grid.symbols
            clash = (slots[:, 1:] == slots[:, :-1]) & ~repeated[:, 1:]
            possible = ~clash.any(1)
        else:
            possible = torch.ones(len(ordered), dtype=torch.bool, device=ordered.device)
        distinct = term.order - repeated.sum(1)
        for order in torch.unique(distinct[possible]).tolist():
            rows = possible & (distinct == order)
            neurons = ordered[rows][~repeated[rows]].view(-1, order)
            result.append(replace(term, neurons=neurons, weights=term.weights[rows]))
    return result


def priced(terms: Sequence[CouplingTerm], price: float) -> list[CouplingTerm]:
    """Terms with hard ones made soft: each broken instance costs `price`, in units of energy."""
    return [
        replace(term, hard=False, weights=torch.full_like(term.weights, -price))
        if term.hard
        else term
        for term in terms
    ]


def as_groups(grid: Grid, terms: Sequence[CouplingTerm]) -> tuple[Grid, list[CouplingTerm]]:
    """Free neurons as one-of-many groups of two, off and on; groups are returned as they are.

    The slot of neuron i becomes slot i, and its symbol 1 says that it is on.
    """
    if grid.grouped:
        return grid, list(terms)
    pairs = Grid([Axis("neuron", tuple(range(grid.size))), Axis("on", (0, 1))], ["on"])
    return pairs, [replace(term, neurons=2 * term.neurons + 1) for term in terms]


def from_groups(grid: Grid, symbols: Tensor, dtype: torch.dtype) -> Tensor:
    """States `(R, G, S)` on the given grid from the symbols, `(R, G')`, of `as_groups`' grid."""
    if grid.grouped:
        return grid.one_hot(symbols, dtype)
    return symbols.to(dtype).view(len(symbols), grid.slots, grid.symbols)
