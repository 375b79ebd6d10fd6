"""Between which values the energy of relaxed states lies, whatever the state."""

import torch
from torch import Tensor

from esr.hopfield.couplings import Couplings
from esr.hopfield.spectrum.stability import energy_range, squared_norms

__all__ = ["energy_bounds"]


def energy_bounds(
    couplings: Couplings, lowest: float, highest: float, one_of_many: bool
) -> tuple[float, float]:
    r"""A lower and an upper bound of the energy over all relaxed states.

    Each bias and each matrix between two slots is bounded by its least and greatest entry, as
    :math:`V_g^\top M V_h` is a mean of entries if activations of a slot sum to one. The pairs are
    bounded by the spectrum as well (`energy_range`), and the tighter bound counts.

    Arguments:
        couplings: The energy.
        lowest: A lower bound of the eigenvalues of Q, not centred.
        highest: An upper bound of them.
        one_of_many: Whether the activations of each slot sum to one; they are in [0, 1] otherwise.
    Returns:
        The bounds, the lower one first.
    """
    grid = couplings.grid
    width = grid.symbols if one_of_many else 1
    groups = grid.size // width
    norms = squared_norms([width] * groups) if one_of_many else squared_norms([], grid.size)
    least_pairs, most_pairs = energy_range(lowest, highest, norms)
    low, high = _pair_sums(couplings, width)
    least, most = max(least_pairs, -high), min(most_pairs, -low)
    bias = couplings.bias.detach().double().view(groups, width)
    if not one_of_many:
        bias = torch.cat([bias, torch.zeros_like(bias)], 1)  # the neuron may be off
    least -= float(bias.amax(1).sum())
    most -= float(bias.amin(1).sum())
    for part in couplings.higher_orders():
        weights = part.weights.detach().double()
        least -= float(weights.clamp(min=0).sum())
        most -= float(weights.clamp(max=0).sum())
    return least, most


def _pair_sums(couplings: Couplings, width: int) -> tuple[float, float]:
    """Sums over pairs of groups of the least and the greatest entry, or zero, between them."""
    neurons, values = couplings.entries()
    groups = couplings.grid.size // width
    first, second = (neurons // width).unbind(1)
    entries = values.detach().double() * torch.where(first == second, 0.5, 1.0)
    keys, pair = torch.unique(first * groups + second, return_inverse=True)

    def extreme(reduce: str) -> Tensor:
        return entries.new_zeros(len(keys)).scatter_reduce(0, pair, entries, reduce)

    return float(extreme("amin").sum()), float(extreme("amax").sum())
