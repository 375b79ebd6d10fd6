"""Hard rules that cannot all hold: groups that are left without a symbol."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield import CouplingTerm, Grid

__all__ = ["require_possible"]


def require_possible(grid: Grid, terms: Sequence[CouplingTerm]) -> None:
    """Check that hard biases and pairs leave a symbol to each group.

    Forbidden neurons are struck out; where one symbol remains in a group it is on, so that what
    is forbidden together with it is struck out as well, until nothing changes. What passes may
    still be impossible: that is for a search to find out.

    Arguments:
        grid: The neurons; without groups nothing is checked.
        terms: Of all rules.
    Raises:
        ConfigurationError: If a group is left without a symbol; it names the rules.
    """
    if not grid.grouped:
        return
    hard = [(number, term) for number, term in enumerate(terms) if term.hard]
    struck = torch.full((grid.size,), -1)  # by which term
    pairs: list[tuple[int, Tensor]] = []
    for number, term in hard:
        if term.order > 2:
            continue
        first, last = term.neurons[:, 0], term.neurons[:, -1]
        alone = first[first == last]
        struck[alone[struck[alone] < 0]] = number
        apart = first // grid.symbols != last // grid.symbols
        if bool(apart.any()):
            both = term.neurons[apart]
            pairs.append((number, torch.cat([both, both.flip(1)])))
    while True:
        _require_symbols(grid, terms, struck)
        open_slots = (struck < 0).view(grid.slots, grid.symbols)
        settled = (open_slots & (open_slots.sum(1, keepdim=True) == 1)).flatten()
        changed = False
        for number, both in pairs:
            partners = both[settled[both[:, 0]], 1]
            fresh = partners[struck[partners] < 0]
            struck[fresh] = number
            changed |= len(fresh) > 0
        if not changed:
            return


def _require_symbols(grid: Grid, terms: Sequence[CouplingTerm], struck: Tensor) -> None:
    """Every slot must have a neuron that is not struck out."""
    by = struck.view(grid.slots, grid.symbols)
    full = (by >= 0).all(1).nonzero()[:, 0]
    if len(full) == 0:
        return
    slot = int(full[0])
    names = [f"{terms[n].name} (line {terms[n].line})" for n in sorted(set(by[slot].tolist()))]
    labels = f"{grid.label(slot * grid.symbols)} to {grid.label((slot + 1) * grid.symbols - 1)}"
    raise ConfigurationError(
        f"hard rules leave no symbol to the group {labels}: {', '.join(names)}; "
        "loosen one of them or check the inputs"
    )
