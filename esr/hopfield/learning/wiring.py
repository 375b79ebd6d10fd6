"""Which slots of a network shall be coupled, and which of them share their parameters."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import ConfigurationError, DataError
from esr.hopfield.exact.pairwise import PairwiseNetwork

__all__ = ["Counts", "Wiring", "count_examples"]


@dataclass(frozen=True)
class Wiring:
    """The edges of a network to be learnt, and the kinds of slots and edges.

    All slots of one kind share a vector of fields, all edges of one kind a matrix of couplings.

    Arguments:
        edges: Pairs of different slots, each at most once, integers `(E, 2)`.
        slot_kinds: The kind of each slot, integers from 0, `(G,)`.
        edge_kinds: The kind of each edge, integers from 0, `(E,)`.
    Raises:
        ConfigurationError: If shapes disagree or an edge leaves the slots.
    """

    edges: Tensor
    slot_kinds: Tensor
    edge_kinds: Tensor

    def __post_init__(self) -> None:
        edges, kinds = self.edges, self.edge_kinds
        if edges.dim() != 2 or edges.shape[1] != 2 or kinds.shape != edges.shape[:1]:
            raise ConfigurationError(
                f"a wiring needs edges (E, 2) and edge_kinds (E,), but got {tuple(edges.shape)} "
                f"and {tuple(kinds.shape)}"
            )
        outside = (edges < 0) | (edges >= self.slots)
        if self.slot_kinds.dim() != 1 or self.slots < 1 or bool(outside.any()):
            raise ConfigurationError(
                f"slot_kinds must be (G,) and edges join slots 0 to {self.slots - 1}"
            )

    @property
    def slots(self) -> int:
        """Number of slots G."""
        return len(self.slot_kinds)

    @property
    def shares(self) -> bool:
        """Whether two slots or two edges share parameters."""
        kinds = (self.slot_kinds, self.edge_kinds)
        return any(int(torch.bincount(each).amax()) > 1 for each in kinds if len(each))

    @classmethod
    def separate(cls, slots: int, edges: Tensor) -> "Wiring":
        """Every slot with its own fields, every edge with its own couplings."""
        device = edges.device
        return cls(
            edges, torch.arange(slots, device=device), torch.arange(len(edges), device=device)
        )

    @classmethod
    def tied(cls, slots: int, edges: Tensor) -> "Wiring":
        """Every slot with its own fields, all edges with the same couplings."""
        return cls(edges, torch.arange(slots, device=edges.device), torch.zeros_like(edges[:, 0]))

    @classmethod
    def chain(cls, slots: int, tied: bool = True) -> "Wiring":
        """Neighbours in a row; edges with the same couplings, or each with its own."""
        first = torch.arange(slots - 1)
        edges = torch.stack([first, first + 1], 1)
        return cls.tied(slots, edges) if tied else cls.separate(slots, edges)

    def spread(self, fields: Tensor, couplings: Tensor) -> PairwiseNetwork:
        """The network with these parameters for each kind, `(K, S)` and `(K', S, S)`."""
        return PairwiseNetwork(fields[self.slot_kinds], self.edges, couplings[self.edge_kinds])

    def pooled(self, singles: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over the slots and edges of each kind: of `(G, S)` and `(E, S, S)`, `(K, S)` and
        `(K', S, S)`; the transpose of `spread`."""
        slot_count = int(self.slot_kinds.max()) + 1
        edge_count = int(self.edge_kinds.max()) + 1 if len(self.edges) else 0
        fields = singles.new_zeros(slot_count, *singles.shape[1:])
        couplings = pairs.new_zeros(edge_count, *pairs.shape[1:])
        return (
            fields.index_add(0, self.slot_kinds, singles),
            couplings.index_add(0, self.edge_kinds, pairs),
        )


@dataclass(frozen=True)
class Counts:
    """How often symbols and pairs of symbols stand in examples.

    Arguments:
        singles: For each slot, `(G, S)`, double precision.
        pairs: For each edge, `(E, S, S)`, double precision.
        number: How many examples there are.
    """

    singles: Tensor
    pairs: Tensor
    number: int


def count_examples(examples: Tensor, symbols: int, wiring: Wiring) -> Counts:
    """Count the symbols and joined pairs of examples, integers `(n, G)` below `symbols`.

    Raises:
        DataError: If there is no example, or one is not of such integers.
        ConfigurationError: If the wiring is for another number of slots.
    """
    whole = not (examples.is_floating_point() or examples.is_complex())
    if examples.dim() != 2 or not len(examples) or not whole:
        raise DataError(
            f"examples must be integers (n, G), at least one, but are {examples.dtype} "
            f"{tuple(examples.shape)}"
        )
    if bool(((examples < 0) | (examples >= symbols)).any()):
        raise DataError(f"examples hold symbols 0 to {symbols - 1} only, but go beyond")
    number, slots = examples.shape
    if slots != wiring.slots:
        raise ConfigurationError(f"the wiring has {wiring.slots} slots, but examples have {slots}")
    edges = wiring.edges
    device = examples.device
    alone = torch.arange(slots, device=device) * symbols + examples
    singles = torch.bincount(alone.flatten(), minlength=slots * symbols)
    both = examples[:, edges[:, 0]] * symbols + examples[:, edges[:, 1]]
    cells = torch.arange(len(edges), device=device) * symbols**2 + both
    pairs = torch.bincount(cells.flatten(), minlength=len(edges) * symbols**2)
    return Counts(
        singles.double().reshape(slots, symbols),
        pairs.double().reshape(len(edges), symbols, symbols),
        number,
    )
