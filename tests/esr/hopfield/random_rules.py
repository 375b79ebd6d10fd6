"""Random rule programs as coupling terms: the inputs of property tests."""

import torch

from esr.hopfield import Axis, CouplingTerm, Grid


def random_grid(seed: int, grouped: bool, most: int = 16) -> Grid:
    generator = torch.Generator().manual_seed(seed)
    slots = int(torch.randint(1, 5, (1,), generator=generator))
    symbols = int(torch.randint(2, max(3, most // slots + 1), (1,), generator=generator))
    symbols = min(symbols, most // slots)
    axes = [Axis("slot", tuple(range(slots))), Axis("symbol", tuple(range(symbols)))]
    return Grid(axes, ["symbol"] if grouped else [])


def random_terms(
    grid: Grid, seed: int, highest: int = 4, hard: bool = False
) -> list[CouplingTerm]:
    """Terms of orders one to `highest`; neurons and instances may occur more than once."""
    generator = torch.Generator().manual_seed(seed)
    terms = []
    for order in range(1, highest + 1):
        count = int(torch.randint(1, 12, (1,), generator=generator))
        neurons = torch.randint(grid.size, (count, order), generator=generator)
        weights = torch.randn(count, generator=generator, dtype=torch.float64)
        terms.append(CouplingTerm(f"order_{order}", neurons, weights))
    if hard and grid.size > 2:
        neurons = torch.randint(grid.size, (3, 2), generator=generator)
        neurons = neurons[neurons[:, 0] != neurons[:, 1]]
        terms.append(CouplingTerm("hard", neurons, torch.ones(len(neurons)), hard=True))
    return terms
