"""Exact conditionals: the field on the symbols of some slots, given all the others."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from esr.hopfield.couplings import Couplings
from esr.hopfield.dynamics.colouring import colour_classes
from esr.hopfield.grid import Grid
from esr.hopfield.term import CouplingTerm

__all__ = ["Conditionals", "SlotClass"]


@dataclass(frozen=True)
class _Products:
    """Instances that act on slots of a class: they add their weight where the others are on.

    `targets` (n,) are indices into the class's fields `(C * S,)`; `slots` and `symbols`
    `(n, m - 1)` are the other neurons; `weights` `(n,)`.
    """

    targets: Tensor
    slots: Tensor
    symbols: Tensor
    weights: Tensor


@dataclass(frozen=True)
class SlotClass:
    """Slots updated together, and what acts on them.

    Arguments:
        slots: The slots, `(C,)`, none of which couples with another.
        neighbours: The slots that matrices join to them, `(T,)`, those of the first slot first.
        rows: Row of the table at which each of those matrices begins, `(T,)`.
        starts: Where each slot's neighbours begin, `(C,)`.
        products: Instances kept one by one, of each order.
    """

    slots: Tensor
    neighbours: Tensor
    rows: Tensor
    starts: Tensor
    products: list[_Products] = field(default_factory=list)


class Conditionals:
    """Fields of whole colour classes of slots in one look-up each, for states of one-hot slots.

    A slot's field is the sum of one row for each neighbour: the row of their shared matrix at
    the neighbour's symbol. The matrices stand once in a table; higher orders and explicit
    entries are summed instance by instance.

    Arguments:
        grid: With one-of-many groups.
        terms: Soft and multilinear (`multilinear`, `priced`), in any order.
        allowed: Symbols each slot may take, bool `(G, S)`; all unless given.
        one_by_one: Whether slots are updated one at a time although they do not couple, as
            something outside, such as a loss of the whole state, couples them.
        dtype: Of the weights.
    """

    def __init__(
        self,
        grid: Grid,
        terms: Sequence[CouplingTerm],
        allowed: Tensor | None = None,
        one_by_one: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.grid, self.couplings = grid, Couplings(grid, terms, dtype)
        bias = self.couplings.bias.detach()
        self.bias = bias if allowed is None else bias.masked_fill(~allowed, -torch.inf)
        edges, rows, self._table = self._edges()
        products = self._instances()
        joined = {tuple(edge) for edge in edges.tolist()}
        for neurons, _ in products:
            joined.update(map(tuple, torch.unique(neurons // grid.symbols, dim=0).tolist()))
        classes = (
            [[slot] for slot in range(grid.slots)]
            if one_by_one
            else colour_classes(grid.slots, joined)
        )
        self.classes = [self._slot_class(slots, edges, rows, products) for slots in classes]

    def field(self, symbols: Tensor, of: SlotClass) -> Tensor:
        """Minus the energy of each symbol of the class's slots, up to a constant, `(R, C, S)`.

        Arguments:
            symbols: The state, integers `(R, G)`.
            of: One of `classes`.
        """
        replicas, count, width = len(symbols), len(of.slots), self.grid.symbols
        total = self.bias[of.slots].expand(replicas, count, width)
        if len(of.neighbours):
            found = (symbols[:, of.neighbours] + of.rows).flatten()
            turns = torch.arange(replicas, device=symbols.device) * len(of.neighbours)
            starts = (turns[:, None] + of.starts).flatten()
            summed = embedding_bag(found, self._table, starts, mode="sum")
            total = total + summed.view(replicas, count, width)
        elif of.products:
            total = total.clone()
        for part in of.products:
            on = (symbols[:, part.slots] == part.symbols).all(2)  # (R, n)
            flat = total.view(replicas, -1)
            flat.index_add_(1, part.targets, on * part.weights)
        return total

    def energy(self, symbols: Tensor) -> Tensor:
        """The energy of states `(R, G)`, `(R,)`; infinite where a symbol is not allowed."""
        bias = self.bias.expand(len(symbols), *self.bias.shape)
        single = -bias.gather(2, symbols[..., None])[..., 0].sum(1)
        states = self.grid.one_hot(symbols, self.bias.dtype)
        return single + self.couplings.energy(states) + (states * self.couplings.bias).sum((1, 2))

    def _edges(self) -> tuple[Tensor, Tensor, Tensor]:
        """Directed edges (target, neighbour) `(E, 2)`, their rows of the table, and the table."""
        width, device = self.grid.symbols, self.bias.device
        edges, rows = [torch.zeros(0, 2, dtype=torch.long, device=device)], []
        matrices: list[Tensor] = []
        for block in self.couplings.structured():
            shared = block.edges()
            if shared is None:
                continue
            joined, matrix = shared
            for ends, towards in ((joined, matrix.T), (joined.flip(1), matrix)):
                edges.append(ends)
                rows.append(torch.full((len(ends),), len(matrices) * width, device=device))
                matrices.append(towards)
        if not matrices:
            return edges[0], edges[0][:, 0], self.bias.new_zeros(0, width)
        return torch.cat(edges), torch.cat(rows), torch.cat(matrices).detach().contiguous()

    def _instances(self) -> list[tuple[Tensor, Tensor]]:
        """Neurons and weights of what is summed one by one: explicit pairs and higher orders."""
        found = [block.entries() for block in self.couplings.structured() if block.edges() is None]
        found += [(part.neurons, part.weights) for part in self.couplings.higher_orders()]
        return [(neurons, weights.detach()) for neurons, weights in found]

    def _slot_class(
        self,
        slots: Sequence[int],
        edges: Tensor,
        rows: Tensor,
        products: Sequence[tuple[Tensor, Tensor]],
    ) -> SlotClass:
        width, device = self.grid.symbols, self.bias.device
        chosen = torch.tensor(slots, device=device)
        place = torch.full((self.grid.slots,), -1, device=device)
        place[chosen] = torch.arange(len(slots), device=device)
        mine = (place[edges[:, 0]] >= 0).nonzero()[:, 0]
        mine = mine[torch.argsort(place[edges[mine, 0]], stable=True)]
        degrees = torch.bincount(place[edges[mine, 0]], minlength=len(slots))
        parts = []
        for neurons, weights in products:
            slot, symbol = neurons // width, neurons % width
            for position in range(neurons.shape[1]):  # the order, which is small
                acting = (place[slot[:, position]] >= 0).nonzero()[:, 0]
                if not len(acting):
                    continue
                others = [p for p in range(neurons.shape[1]) if p != position]
                target = place[slot[acting, position]] * width + symbol[acting, position]
                where = acting[:, None], torch.tensor(others, device=device)
                parts.append(_Products(target, slot[where], symbol[where], weights[acting]))
        return SlotClass(chosen, edges[mine, 1], rows[mine], degrees.cumsum(0) - degrees, parts)
