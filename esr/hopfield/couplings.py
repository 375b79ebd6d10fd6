"""All couplings of a network: biases, the structured Q, and higher orders, rule by rule."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from esr.closed_gradient import autograd_is_plain, with_closed_gradient
from esr.errors import ConfigurationError
from esr.hopfield.blocks import Block, DenseBlock
from esr.hopfield.grid import Grid
from esr.hopfield.higher import HigherOrder
from esr.hopfield.recognise import merged_entries, structured_blocks
from esr.hopfield.term import CouplingTerm

__all__ = ["Couplings", "Explanation"]


@dataclass(frozen=True)
class Explanation:
    """One rule's share in what couples some neurons.

    Arguments:
        rule: Its name.
        weight: What it adds to Q_ij, to the bias, or to a higher product; 0 for a hard rule.
        hard: Whether the rule forbids the neurons to be on together.
        source: The rule as written.
        line: Its line, counted from 1; 0 if it has none.
    """

    rule: str
    weight: float
    hard: bool
    source: str
    line: int


class Couplings(nn.Module):
    r"""The soft energy of a grid's neurons, as rules add it up.

    .. math:: E(V) = -\tfrac12 \sum_{ij} Q_{ij} V_i V_j - \sum_i b_i V_i
              - \sum w\, V V V (V \ldots)

    Q is a sum of structured blocks, and a full matrix only if asked for. Hard terms carry no
    energy here.

    Arguments:
        grid: The neurons.
        terms: What the rules contribute, in any order: the sum does not depend on it.
        dtype: Of the weights; those that carry gradients keep them.
        full: Keep Q as one full matrix, which is fastest for few neurons.
    Raises:
        ConfigurationError: If a term names a neuron outside the grid or its weights are not
            finite.
    """

    bias: Tensor

    def __init__(
        self,
        grid: Grid,
        terms: Sequence[CouplingTerm],
        dtype: torch.dtype = torch.float32,
        full: bool = False,
    ) -> None:
        super().__init__()
        for term in terms:
            _check(term, grid)
        self.grid = grid
        self.terms = tuple(terms)
        self._learned = any(term.weights.requires_grad for term in self.terms)
        soft = [term for term in self.terms if not term.hard and len(term.weights)]
        device = soft[0].neurons.device if soft else None
        bias = torch.zeros(grid.size, dtype=dtype, device=device)
        for term in soft:
            if term.order == 1:
                bias = bias.index_add(0, term.neurons[:, 0], term.weights.to(dtype))
        self.register_buffer("bias", bias.view(grid.slots, grid.symbols))
        found = structured_blocks(*_pair_entries(soft, grid), grid.slots, grid.symbols)
        self.blocks = nn.ModuleList(block.to(dtype=dtype) for block in found)
        if full:
            self.blocks = nn.ModuleList([DenseBlock(self.dense())])
        orders = sorted({term.order for term in soft if term.order > 2})
        self.higher = nn.ModuleList(
            HigherOrder(
                torch.cat([term.neurons for term in soft if term.order == order]),
                torch.cat([term.weights for term in soft if term.order == order]).to(dtype),
            )
            for order in orders
        )

    @property
    def order(self) -> int:
        """The highest order of a soft term; 0 without any."""
        return max((term.order for term in self.terms if not term.hard), default=0)

    def higher_curvature(self) -> float:
        """An upper bound, by row sums, of how much orders above two can bend the energy upwards
        anywhere in the unit cube: |eigenvalue| of their second derivative."""
        rows = torch.zeros(self.grid.size, dtype=torch.float64, device=self.bias.device)
        for part in self.higher_orders():
            order = part.neurons.shape[1]
            for place in range(order):
                rows.index_add_(
                    0, part.neurons[:, place], part.weights.detach().double().abs() * (order - 1)
                )
        return float(rows.max())

    def product(self, states: Tensor) -> Tensor:
        """Q V, `(R, G, S)`, for states `(R, G, S)`."""
        product = torch.zeros_like(states)
        for block in self.structured():
            block.add_product(states, product)
        return product

    def field(self, states: Tensor) -> Tensor:
        """Minus the energy's derivative in V, `(R, G, S)`, for states `(R, G, S)`."""
        field = self.product(states) + self.bias
        for higher in self.higher_orders():
            higher.add_field(states, field)
        return field

    def energy(self, states: Tensor) -> Tensor:
        """The energy of states `(R, G, S)`, `(R,)`; its gradient is found along with it."""
        if self._learned or not autograd_is_plain(states):
            return self._energy(states)
        return with_closed_gradient(self._with_slope, self._energy_of, [states])

    def _with_slope(self, tensors: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        """The energy and its derivative, from one product with Q."""
        (states,) = tensors
        field = self.product(states)
        energy = -((0.5 * field + self.bias) * states).flatten(1).sum(1)
        field += self.bias
        for higher in self.higher_orders():
            energy += higher.energy(states)
            higher.add_field(states, field)
        return energy, [field.neg_()]

    def _energy_of(self, tensors: Sequence[Tensor]) -> Tensor:
        return self._energy(tensors[0])

    def _energy(self, states: Tensor) -> Tensor:
        pairs = -0.5 * (states * self.product(states)).flatten(1).sum(1)
        energy = pairs - (states * self.bias).flatten(1).sum(1)
        for higher in self.higher_orders():
            energy = energy + higher.energy(states)
        return energy

    def energy_by_rule(self, states: Tensor) -> dict[str, Tensor]:
        """Each soft rule's energy, `(R,)`, in the order of the terms; they add up to `energy`."""
        flat, shares = states.flatten(1), dict[str, Tensor]()
        for term in self.terms:
            if term.hard:
                continue
            share = -flat[:, term.neurons].prod(2) @ term.weights.to(flat)
            shares[term.name] = shares[term.name] + share if term.name in shares else share
        return shares

    def of_rule(self, name: str) -> "Couplings":
        """The couplings of one rule alone."""
        chosen = [term for term in self.terms if term.name == name]
        return Couplings(self.grid, chosen, self.bias.dtype)

    def entries(self) -> tuple[Tensor, Tensor]:
        """Q entry by entry: pairs of neurons `(n, 2)`, the first not above the second, `(n,)`."""
        parts = [block.entries() for block in self.structured()]
        if not parts:
            empty = torch.zeros(0, 2, dtype=torch.long, device=self.bias.device)
            return empty, self.bias.new_zeros(0)
        return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def dense(self) -> Tensor:
        """Q as a full symmetric matrix, `(n, n)`."""
        neurons, values = self.entries()
        full = self.bias.new_zeros(self.grid.size, self.grid.size)
        first, second = neurons.unbind(1)
        full = full.index_put((first, second), values, accumulate=True)
        return full + full.triu(1).T

    def explain(self, *neurons: int) -> list[Explanation]:
        """The rules behind a bias (one neuron), an entry of Q (two) or a higher product.

        Arguments:
            neurons: Flat indices, as `Grid.neuron` gives them, in any order.
        Returns:
            One explanation for each rule that couples exactly these neurons, in rule order.
        """
        wanted = torch.tensor(sorted(neurons), device=self.bias.device)
        found = []
        for term in self.terms:
            if term.order != len(neurons):
                continue
            rows = (term.neurons.sort(1).values == wanted).all(1)
            if bool(rows.any()):
                twice = 2.0 if len(neurons) == 2 and neurons[0] == neurons[1] else 1.0
                weight = 0.0 if term.hard else twice * float(term.weights[rows].detach().sum())
                found.append(Explanation(term.name, weight, term.hard, term.source, term.line))
        return found

    def structured(self) -> list[Block]:
        """The blocks that Q is the sum of."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def higher_orders(self) -> list[HigherOrder]:
        """The terms of order three and above, one object for each order."""
        return [higher for higher in self.higher if isinstance(higher, HigherOrder)]


def _pair_entries(soft: Sequence[CouplingTerm], grid: Grid) -> tuple[Tensor, Tensor]:
    """Merged entries of Q of the terms of order two; a neuron with itself counts twice."""
    pairs = [term for term in soft if term.order == 2]
    if not pairs:
        return torch.zeros(0, 2, dtype=torch.long), torch.zeros(0)
    neurons = torch.cat([term.neurons for term in pairs])
    weights = torch.cat([term.weights for term in pairs])
    doubled = torch.where(neurons[:, 0] == neurons[:, 1], 2 * weights, weights)
    return merged_entries(neurons, doubled, grid.size)


def _check(term: CouplingTerm, grid: Grid) -> None:
    if term.neurons.numel() and (
        int(term.neurons.min()) < 0 or int(term.neurons.max()) >= grid.size
    ):
        raise ConfigurationError(
            f"rule {term.name} couples neurons {int(term.neurons.min())} to "
            f"{int(term.neurons.max())}, but the grid has 0 to {grid.size - 1}"
        )
    if not bool(torch.isfinite(term.weights).all()):
        raise ConfigurationError(
            f"rule {term.name} has a weight that is NaN or infinite; use a hard rule to forbid"
        )
