"""A small landscape and random programs on it; and the module that makes them can be imported."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from small_programs import landscape_of

from esr.search.chains.draws import Draws
from esr.search.chains.edges import EdgePotentials
from esr.search.chains.heap import Programs
from esr.search.chains.landscape import Landscape


@pytest.fixture
def landscape() -> Landscape:
    return landscape_of("x*y+sin(x)")


@pytest.fixture
def draws() -> Draws:
    return Draws(torch.Generator().manual_seed(3), "cpu")


@pytest.fixture
def drawn(landscape: Landscape, draws: Draws) -> Programs:
    """Random programs with random gains."""
    symbols = EdgePotentials(landscape.alphabet, landscape.heap).draw(200, draws)
    gains = torch.ones(symbols.shape, dtype=torch.float64)
    free = (symbols > 0) & (draws.uniform(*symbols.shape) < 0.3)
    gains[free] = draws.normal(int(free.sum()))
    return Programs(symbols, gains)
