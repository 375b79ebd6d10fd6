"""States of rule programs for people to read, and how they are drawn."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.hopfield import Annealing, Grid, HopfieldNetwork, forest_of
from esr.hopfield.discrete import as_groups

__all__ = ["Drawn", "draw_states", "state_text"]


@dataclass(frozen=True)
class Drawn:
    """States and how they came about.

    Arguments:
        symbols: Discrete symbols, `(N, G)`.
        energy: Energy of the soft rules, `(N,)`.
        violations: Broken instances of hard rules, `(N,)`.
        exact: Whether they are independent draws from the exact distribution.
    """

    symbols: Tensor
    energy: Tensor
    violations: Tensor
    exact: bool


def draw_states(
    network: HopfieldNetwork,
    count: int,
    *,
    temperature: float,
    sweeps: int,
    generator: Generator,
) -> Drawn:
    """States of a network: exact draws where its slots form a forest, annealed ones elsewhere.

    Arguments:
        network: Whose states.
        count: How many, at least 1.
        temperature: Of exact draws, positive.
        sweeps: Of annealing, at least 1.
        generator: Source of the draws.
    """
    _, terms = as_groups(network.grid, network.terms)
    forest = forest_of(network.discrete_grid, terms, temperature)
    if forest is None:
        found = Annealing(sweeps).solve(network, count, generator=generator)
        return Drawn(found.symbols, found.energy, found.violations, False)
    symbols = forest.sample(count, generator=generator)
    energy = network.energy(network.states(symbols))
    return Drawn(symbols, energy, network.hard.violations(symbols), True)


def state_text(grid: Grid, symbols: Tensor) -> str:
    """One state as text: what stands in each slot, a line for each row of slots.

    A slot of free neurons shows the neuron that is on, all of several in braces, or a dot.

    Arguments:
        grid: The network's own grid.
        symbols: Discrete symbols, `(G',)`.
    """
    names = _slot_names(grid)
    if grid.grouped:
        words = [names[symbol] for symbol in symbols.tolist()]
    elif grid.symbols == 1:
        words = [str(on) for on in symbols.tolist()]
    else:
        words = [_of_free(names, row) for row in symbols.view(grid.slots, grid.symbols).bool()]
    axes = grid.slot_axes
    width = len(axes[-1]) if len(axes) > 1 else len(words)
    between = "" if all(len(word) == 1 for word in words) else " "
    rows = [words[start : start + width] for start in range(0, len(words), width)]
    return "\n".join(between.join(row) for row in rows)


def _slot_names(grid: Grid) -> list[str]:
    """What each neuron of a slot is called."""
    axes = grid.symbol_axes
    if not axes:
        return ["1"]
    places = torch.cartesian_prod(*(torch.arange(len(axis)) for axis in axes))
    return [
        "/".join(str(axis.values[index]) for axis, index in zip(axes, row, strict=True))
        for row in places.view(-1, len(axes)).tolist()
    ]


def _of_free(names: list[str], on: Tensor) -> str:
    chosen = [name for name, active in zip(names, on.tolist(), strict=True) if active]
    if len(chosen) < 2:
        return chosen[0] if chosen else "."
    return "{" + " ".join(chosen) + "}"
