"""A Hopfield network: a grid of neurons, the couplings of its rules, and what they forbid."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield.couplings import Couplings
from esr.hopfield.discrete import as_groups, from_groups, multilinear, priced
from esr.hopfield.grid import Grid
from esr.hopfield.hard import HardRules
from esr.hopfield.recognise import merged_entries
from esr.hopfield.term import CouplingTerm

__all__ = ["HopfieldNetwork"]


class HopfieldNetwork:
    """Neurons, soft couplings and hard rules, ready for any of the dynamics.

    It holds no state: dynamics take states and return them. `couplings` are the soft rules as
    written, `relaxed` those with the hard ones at a price, for graded dynamics. Dynamics over
    zeros and ones, and mean field, see the same energies through `discrete_grid`,
    `discrete_terms` and `allowed`: groups of one-of-many in which hard rules cost `price` each,
    single neurons that cannot be on are masked out, and so is all that follows from the hard
    rules.

    Arguments:
        grid: The neurons.
        terms: What the rules contribute.
        price: What breaking one hard instance costs in a search, positive, in units of energy;
            more than any slot can gain from soft rules unless given. A loss from outside is not
            counted.
        dtype: Of couplings.
        full: Keep Q of graded dynamics as one full matrix, which is fastest for few neurons.
    Raises:
        ConfigurationError: If a term does not fit the grid or the price is not positive.
        DataError: If the hard rules contradict each other.
    """

    def __init__(
        self,
        grid: Grid,
        terms: Sequence[CouplingTerm],
        price: float | None = None,
        dtype: torch.dtype = torch.float32,
        full: bool = False,
    ) -> None:
        if price is not None and not price > 0:
            raise ConfigurationError(f"price must be positive, but is {price}")
        self.grid, self.terms, self.dtype = grid, tuple(terms), dtype
        self.couplings = Couplings(grid, terms, dtype, full)
        self.discrete_grid, grouped = as_groups(grid, terms)
        flat = multilinear(self.discrete_grid, grouped)
        self.hard = HardRules(self.discrete_grid, flat)
        self.allowed = self.hard.allowed(device=self.couplings.bias.device)
        self.price = price if price is not None else self._sufficient_price(flat)
        hard = any(term.hard for term in self.terms)
        self.relaxed = (
            Couplings(grid, priced(self.terms, self.price), dtype, full)
            if hard
            else self.couplings
        )
        joint = [term for term in flat if not (term.hard and term.order == 1)]
        self.discrete_terms = priced(joint, self.price)

    def states(self, symbols: Tensor) -> Tensor:
        """States `(R, G, S)` on the network's own grid, from discrete symbols `(R, G')`."""
        return from_groups(self.grid, symbols, self.dtype)

    def symbols(self, states: Tensor) -> Tensor:
        """Discrete symbols `(R, G')`: the most active neuron of a group, or who is above 1/2."""
        if self.grid.grouped:
            return states.argmax(2)
        return (states.flatten(1) > 0.5).long()

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the soft rules, `(R,)`, for states `(R, G, S)`."""
        return self.couplings.energy(states)

    def violations(self, states: Tensor) -> Tensor:
        """Instances of hard rules that the states, read as symbols, break, `(R,)`."""
        return self.hard.violations(self.symbols(states))

    def explain(self, *neurons: int) -> list[str]:
        """In words, which rules couple neurons given by flat index, and how strongly."""
        labels = " and ".join(self.grid.label(neuron) for neuron in neurons)
        return [
            f"{labels}: {'forbidden' if found.hard else format(found.weight, '+g')} "
            f"by {found.rule}" + (f" (line {found.line}): {found.source}" if found.line else "")
            for found in self.couplings.explain(*neurons)
        ]

    def _sufficient_price(self, terms: Sequence[CouplingTerm]) -> float:
        """Above twice the largest soft energy that one neuron takes part in; at least one.

        A slot that changes its symbol gains at most the energies of both neurons, so no single
        change to a state that breaks one more hard instance is worth its price.
        """
        grid = self.discrete_grid
        share = torch.zeros(grid.size, dtype=torch.float64, device=self.couplings.bias.device)
        pairs = []
        for term in terms:
            if term.hard or not len(term.weights):
                continue
            weights = term.weights.detach().double()
            if term.order == 2:
                pairs.append((term.neurons, weights))
                continue
            for place in range(term.order):
                share.index_add_(0, term.neurons[:, place], weights.abs())
        if pairs:
            neurons, weights = (torch.cat(part) for part in zip(*pairs, strict=True))
            neurons, weights = merged_entries(neurons, weights, grid.size)
            for ends in (neurons, neurons.flip(1)):
                # Of the neurons of another slot one is on: the largest weight counts, not the sum.
                keys, place = torch.unique(
                    ends[:, 0] * grid.slots + ends[:, 1] // grid.symbols, return_inverse=True
                )
                most = weights.new_zeros(len(keys)).scatter_reduce(0, place, weights.abs(), "amax")
                share.index_add_(0, keys // grid.slots, most)
        return max(1.0, 2.02 * float(share.max()))
