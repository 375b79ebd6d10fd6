"""Networks of one-of-many slots that are coupled in pairs: fields, edges and edge matrices."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield.exact.forest import ForestDistribution
from esr.hopfield.exact.rooted import RootedForest
from esr.hopfield.grid import Grid
from esr.hopfield.term import CouplingTerm

__all__ = ["PairwiseNetwork", "forest_of", "pairwise_of"]


@dataclass(frozen=True)
class PairwiseNetwork:
    r"""An energy of slots alone and in pairs.

    .. math:: E(x) = -\sum_g b_g(x_g) - \sum_e M_e(x_{g_e}, x_{h_e})

    Arguments:
        fields: :math:`b`, in units of energy, `(G, S)`; -inf forbids a symbol.
        edges: Pairs of different slots, each at most once, integers `(E, 2)`.
        couplings: :math:`M`, in units of energy, `(E, S, S)`, rows for the first slot of an
            edge; -inf forbids a pair.
    Raises:
        ConfigurationError: If shapes disagree.
    """

    fields: Tensor
    edges: Tensor
    couplings: Tensor

    def __post_init__(self) -> None:
        symbols = self.fields.shape[-1]
        wanted = (len(self.edges), symbols, symbols)
        if self.fields.dim() != 2 or self.couplings.shape != wanted:
            raise ConfigurationError(
                f"{len(self.edges)} edges need fields (G, S) and couplings (E, S, S), but got "
                f"{tuple(self.fields.shape)} and {tuple(self.couplings.shape)}"
            )

    def energy(self, symbols: Tensor) -> Tensor:
        """Energy of states by the symbol of each slot, `(n, G)`: `(n,)`, +inf if forbidden."""
        slot = torch.arange(self.fields.shape[0], device=symbols.device)
        alone = self.fields[slot, symbols].sum(1)
        edge = torch.arange(len(self.edges), device=symbols.device)
        first, second = symbols[:, self.edges[:, 0]], symbols[:, self.edges[:, 1]]
        return -alone - self.couplings[edge, first, second].sum(1)

    def allows(self, symbols: Tensor) -> Tensor:
        """Whether states `(n, G)` break no hard rule, `(n,)`."""
        return self.energy(symbols) < torch.inf

    def forest(
        self, temperature: float | Tensor = 1.0, bias: Tensor | None = None
    ) -> ForestDistribution:
        """The exact distribution at a temperature, with a bias `(G, S)` or `(R, G, S)` added.

        Raises:
            ConfigurationError: If the edges close a cycle, or everything is forbidden.
        """
        fields = self.fields if bias is None else self.fields + bias
        rooted = RootedForest(self.fields.shape[0], self.edges)
        return ForestDistribution(rooted, fields, self.couplings, temperature)

    def terms(self, name: str = "learnt") -> list[CouplingTerm]:
        """The network as terms, hard ones for -inf and soft ones for other values but zero.

        Neurons are numbered as by a `Grid` with this many slots and symbols.

        Returns:
            Those of `{name}_forbidden_symbols`, `{name}_fields`, `{name}_forbidden_pairs` and
            `{name}_couplings` that have an instance.
        """
        symbols = self.fields.shape[1]
        numbers = torch.arange(self.fields.numel(), device=self.fields.device)
        at = numbers.reshape(self.fields.shape)
        first = at[self.edges[:, 0], :, None].expand(-1, -1, symbols)
        second = at[self.edges[:, 1], None, :].expand(-1, symbols, -1)
        singles = (at[..., None], self.fields, "forbidden_symbols", "fields")
        pairs = (torch.stack([first, second], 3), self.couplings, "forbidden_pairs", "couplings")
        found = []
        for neurons, weights, hard_name, soft_name in (singles, pairs):
            hard = weights == -torch.inf
            soft = ~hard & (weights != 0)
            for chosen, kind, is_hard in ((hard, hard_name, True), (soft, soft_name, False)):
                if bool(chosen.any()):
                    values = torch.ones_like(weights[chosen]) if is_hard else weights[chosen]
                    term = CouplingTerm(f"{name}_{kind}", neurons[chosen], values, is_hard)
                    found.append(term)
        return found


def pairwise_of(
    grid: Grid, terms: Sequence[CouplingTerm], dtype: torch.dtype | None = None
) -> PairwiseNetwork | None:
    """Terms on a grid in groups as fields and edge matrices, gradients to weights kept.

    Neurons are on or off, so a neuron that an instance names twice counts once, and an instance
    with two neurons of one slot is never on. What several terms say of one pair adds up; what one
    of them forbids is forbidden.

    Arguments:
        grid: With one-of-many groups.
        terms: Of any order.
        dtype: Of the result; that of the weights if None.
    Returns:
        The network, its edges ordered by slots, or None if the grid has no groups or some
        instance couples three slots or more.
    """
    if not grid.grouped:
        return None
    device = terms[0].neurons.device if terms else None
    if dtype is None:
        dtype = terms[0].weights.dtype if terms else torch.get_default_dtype()
    reduced = [_reduced(grid, term) for term in terms]
    if any(pairs is None for pairs, _ in reduced):
        return None
    instances = [pairs for pairs, _ in reduced if pairs is not None]
    none = torch.zeros((0, 2), dtype=torch.long, device=device)
    keys = torch.cat([none, *instances]) // grid.symbols  # (n, 2) slots
    joined = keys[keys[:, 0] != keys[:, 1]]
    edges = torch.unique(joined, dim=0)
    codes = edges[:, 0] * grid.slots + edges[:, 1]
    fields = torch.zeros(grid.size, dtype=dtype, device=device)
    couplings = torch.zeros(len(edges) * grid.symbols**2, dtype=dtype, device=device)
    dead_fields = torch.zeros_like(fields, dtype=torch.bool)
    dead_pairs = torch.zeros_like(couplings, dtype=torch.bool)
    for term, pairs, (_, kept) in zip(terms, instances, reduced, strict=True):
        slots = pairs // grid.symbols
        alone = slots[:, 0] == slots[:, 1]
        edge = torch.searchsorted(codes, slots[:, 0] * grid.slots + slots[:, 1])
        inner = pairs % grid.symbols
        cell = (edge * grid.symbols + inner[:, 0]) * grid.symbols + inner[:, 1]
        if term.hard:
            dead_fields[pairs[alone, 0]] = True
            dead_pairs[cell[~alone]] = True
        else:
            weights = term.weights[kept].to(dtype)
            fields = fields.index_add(0, pairs[alone, 0], weights[alone])
            couplings = couplings.index_add(0, cell[~alone], weights[~alone])
    fields = fields.masked_fill(dead_fields, -torch.inf)
    couplings = couplings.masked_fill(dead_pairs, -torch.inf)
    shape = (len(edges), grid.symbols, grid.symbols)
    return PairwiseNetwork(
        fields.reshape(grid.slots, grid.symbols), edges, couplings.reshape(shape)
    )


def forest_of(
    grid: Grid,
    terms: Sequence[CouplingTerm],
    temperature: float | Tensor = 1.0,
    bias: Tensor | None = None,
) -> ForestDistribution | None:
    """The exact distribution of a network whose terms join the slots in a forest.

    Arguments:
        grid: With one-of-many groups.
        terms: As for `pairwise_of`.
        temperature: As for `ForestDistribution`.
        bias: A loss-bias in units of energy, `(G, S)` or `(R, G, S)`, added to the fields.
    Returns:
        The distribution, or None if `pairwise_of` gives none or the edges close a cycle.
    Raises:
        ConfigurationError: If the terms forbid everything.
    """
    network = pairwise_of(grid, terms, bias.dtype if bias is not None else None)
    if network is None:
        return None
    try:
        RootedForest(grid.slots, network.edges)
    except ConfigurationError:
        return None
    return network.forest(temperature, bias)


def _reduced(grid: Grid, term: CouplingTerm) -> tuple[Tensor | None, Tensor]:
    """A term's instances as pairs of neurons `(k, 2)` in ascending order, a neuron alone twice,
    and which of the term's instances they are `(k,)`; None for pairs if an instance needs more.
    """
    sorted_neurons = term.neurons.sort(1).values
    slots = sorted_neurons // grid.symbols
    same_slot = slots[:, 1:] == slots[:, :-1]
    same = sorted_neurons[:, 1:] == sorted_neurons[:, :-1]
    kept = (~(same_slot & ~same).any(1)).nonzero()[:, 0]  # others are never on
    if bool(((~same[kept]).sum(1) > 1).any()):
        return None, kept
    return sorted_neurons[kept][:, [0, -1]], kept
