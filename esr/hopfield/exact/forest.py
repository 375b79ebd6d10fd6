"""Exact sampling, decoding and marginals where the slots of a network form a forest."""

from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.exact.log_weights import (
    draw,
    greatest_products,
    log_sum_exp,
    normalised,
    summed_products,
)
from esr.hopfield.exact.rooted import RootedForest

__all__ = ["ForestDistribution"]


class ForestDistribution:
    r"""The Boltzmann distribution of one-of-many slots coupled along the edges of a forest.

    .. math:: P(x) = e^{-E(x)/T} / Z, \quad
              E(x) = -\sum_g b_g(x_g) - \sum_e M_e(x_{g_e}, x_{h_e})

    Everything is computed by passing messages once from the leaves to the roots and, to sample,
    back; nothing is approximated. A potential of minus infinity forbids a symbol or a pair.

    Arguments:
        forest: Which slots are joined; G slots, E edges.
        fields: :math:`b`, in units of energy, `(G, S)`, or `(R, G, S)` for replicas that differ
            in them. May carry gradients, as `couplings` may.
        couplings: :math:`M`, in units of energy, `(E, S, S)`, rows for the first slot of an edge.
        temperature: :math:`T > 0`, a number or one for each replica, `(R,)`.
    Raises:
        ConfigurationError: If shapes disagree, a potential is NaN or plus infinity, a temperature
            is not positive, or some replica has no state that nothing forbids.
    Source: the sum-product and max-product algorithms; Bishop (2006), Pattern Recognition and
        Machine Learning, section 8.4.
    """

    def __init__(
        self,
        forest: RootedForest,
        fields: Tensor,
        couplings: Tensor,
        temperature: float | Tensor = 1.0,
    ) -> None:
        self.forest = forest
        self.fields = fields if fields.dim() == 3 else fields[None]
        self.couplings = couplings
        self.temperature = torch.as_tensor(temperature, dtype=fields.dtype, device=fields.device)
        self._check_shapes()
        self._check_values()
        self.replicas = max(self.fields.shape[0], self.temperature.numel())
        self._inverse = (1 / self.temperature).reshape(-1, 1, 1)  # (1 or R, 1, 1)
        self._oriented = [self._level_couplings(depth) for depth in range(len(forest.levels))]
        with torch.no_grad():
            self._beliefs = self._upward(summed_products)
            self._check_possible()

    def with_fields(
        self, fields: Tensor, temperature: float | Tensor | None = None
    ) -> "ForestDistribution":
        """The same couplings under other fields, `(G, S)` or `(R, G, S)`, and temperatures."""
        kept = self.temperature if temperature is None else temperature
        return ForestDistribution(self.forest, fields, self.couplings, kept)

    def energy(self, symbols: Tensor) -> Tensor:
        """Energy of states given by the symbol of each slot, `(n, G)`: `(n,)`.

        With several replicas, state i belongs to replica i, and n is R.
        """
        rows = self.fields.expand(symbols.shape[0], -1, -1)
        alone = rows.gather(2, symbols[:, :, None]).sum((1, 2))
        first, second = self.forest.edges.unbind(1)
        edge = torch.arange(len(first), device=symbols.device)
        return -alone - self.couplings[edge, symbols[:, first], symbols[:, second]].sum(1)

    def log_probability(self, symbols: Tensor) -> Tensor:
        """Logarithm of the probability of states, `(n, G)` as for `energy`: `(n,)`."""
        return -self.energy(symbols) * self._inverse.reshape(-1) - self.log_partition()

    def log_partition(self) -> Tensor:
        """:math:`log Z`, `(R,)`, differentiable; its gradients are the marginals over T."""
        return self.tree_log_partitions().sum(1)

    def tree_log_partitions(self) -> Tensor:
        """The part of each tree in :math:`log Z`, `(R, trees)`, in the order of their roots."""
        return log_sum_exp(self._differentiable_beliefs()[0]).expand(self.replicas, -1)

    def sample(self, count: int | None = None, *, generator: Generator | None = None) -> Tensor:
        """Independent exact draws, the symbol of each slot, integers `(count, G)`.

        Arguments:
            count: How many; any number if there is one replica. Several replicas draw one each.
            generator: Source of the draw.
        Raises:
            ConfigurationError: If several replicas shall draw another number than one each.
        """
        count = self.replicas if count is None else count
        if self.replicas > 1 and count != self.replicas:
            raise ConfigurationError(
                f"{self.replicas} replicas draw one state each, but {count} were asked for"
            )
        drawn = self._empty(count)
        for depth, logits in self._downward(drawn, self._beliefs):
            drawn[:, self.forest.levels[depth].slots] = draw(logits, generator)
        return drawn

    def resample_subtree(
        self, symbols: Tensor, slots: Tensor, *, generator: Generator | None = None
    ) -> Tensor:
        """States in which one slot and all below it are redrawn from their exact conditional.

        A subtree for which the symbol above it leaves no possibility stays as it was.

        Arguments:
            symbols: The states, `(n, G)` as for `energy`; left as they are.
            slots: The slot of each state whose subtree is redrawn, integers `(n,)`.
            generator: Source of the draw.
        Returns:
            The new states, `(n, G)`.
        """
        drawn = symbols.clone()
        above = torch.zeros_like(slots, dtype=torch.bool)[:, None]
        for depth, logits in self._downward(drawn, self._beliefs):
            level = self.forest.levels[depth]
            inside = slots[:, None] == level.slots  # (n, n_d)
            if depth:
                inside = inside | above[:, level.parents]
            inside = inside & (logits.amax(2) > -torch.inf)
            fresh = draw(logits, generator)
            drawn[:, level.slots] = torch.where(inside, fresh, drawn[:, level.slots])
            above = inside
        return drawn

    def mode(self) -> tuple[Tensor, Tensor]:
        """A state of lowest energy of each replica, `(R, G)`, and its energy, `(R,)`."""
        with torch.no_grad():
            beliefs = self._upward(greatest_products)
            best = self._empty(self.replicas)
            for depth, logits in self._downward(best, beliefs):
                best[:, self.forest.levels[depth].slots] = logits.argmax(2)
            return best, self.energy(best)

    def marginals(self) -> Tensor:
        """Probability of each symbol in each slot, `(R, G, S)`; differentiable."""
        return self._marginals()[0]

    def pair_marginals(self) -> Tensor:
        """Probability of each pair of symbols on each edge, `(R, E, S, S)`; differentiable."""
        return self._marginals()[1]

    def _marginals(self) -> tuple[Tensor, Tensor]:
        """Single and pair marginals, by conditional tables from the roots down."""
        beliefs = self._differentiable_beliefs()
        above = normalised(beliefs[0])
        slots, singles = [self.forest.levels[0].slots], [above]
        edges, pairs = [], []
        for depth in range(1, len(beliefs)):
            level = self.forest.levels[depth]
            table = normalised(self._scaled(depth) + beliefs[depth][:, :, None, :])
            joint = above[:, level.parents, :, None] * table  # (R, n_d, S, S), parents first
            above = joint.sum(2)
            slots.append(level.slots)
            singles.append(above)
            edges.append(level.edges)
            pairs.append(torch.where(level.forward[:, None, None], joint, joint.mT))
        single = torch.cat(singles, 1)[:, torch.cat(slots).argsort()]
        size = (self.replicas, -1, -1)
        if not edges:
            shape = (self.replicas, 0, self.fields.shape[2], self.fields.shape[2])
            return single.expand(size), single.new_zeros(shape)
        return single.expand(size), torch.cat(pairs, 1)[:, torch.cat(edges).argsort()].expand(
            *size, -1
        )

    def _upward(self, reduce: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
        """For each level, log weights `(1 or R, n_d, S)` of each slot's symbols, all below
        summed (or maximised) out."""
        beliefs: list[Tensor] = []
        message = self.fields.new_zeros(())
        for depth in reversed(range(len(self.forest.levels))):
            belief = self.fields[:, self.forest.levels[depth].slots] * self._inverse
            if beliefs:
                parents = self.forest.levels[depth + 1].parents
                below = belief.new_zeros((message.shape[0], *belief.shape[1:]))
                belief = belief + below.index_add(1, parents, message)
            beliefs.append(belief)
            if depth:
                message = reduce(self._scaled(depth), belief)
        return beliefs[::-1]

    def _downward(self, symbols: Tensor, beliefs: list[Tensor]) -> Iterator[tuple[int, Tensor]]:
        """From the roots down, log weights `(n, n_d, S)` of a level's symbols given the symbols
        above, which the caller writes into `symbols` `(n, G)` between the steps."""
        for depth, belief in enumerate(beliefs):
            if depth == 0:
                yield depth, belief.detach().expand(len(symbols), -1, -1)
                continue
            level = self.forest.levels[depth]
            given = symbols[:, self.forest.levels[depth - 1].slots][:, level.parents]
            edge = torch.arange(len(level.edges), device=given.device)
            rows = self._oriented[depth].detach()[edge, given]  # (n, n_d, S)
            yield depth, rows * self._inverse + belief.detach()

    def _differentiable_beliefs(self) -> list[Tensor]:
        """The beliefs, with gradients if the potentials carry any and gradients are wanted."""
        potentials = (self.fields, self.couplings, self.temperature)
        if torch.is_grad_enabled() and any(each.requires_grad for each in potentials):
            return self._upward(summed_products)
        return self._beliefs

    def _level_couplings(self, depth: int) -> Tensor:
        """Couplings of the edges to one level, `(n_d, S, S)`, rows for the parent."""
        level = self.forest.levels[depth]
        chosen = self.couplings[level.edges]
        return torch.where(level.forward[:, None, None], chosen, chosen.mT)

    def _scaled(self, depth: int) -> Tensor:
        """Couplings of the edges to one level over the temperature, `(1 or R, n_d, S, S)`."""
        return self._oriented[depth] * self._inverse[..., None]

    def _empty(self, count: int) -> Tensor:
        shape = (count, self.forest.slots)
        return torch.zeros(shape, dtype=torch.long, device=self.fields.device)

    def _check_shapes(self) -> None:
        edges, (replicas, slots, symbols) = len(self.forest.edges), self.fields.shape
        if slots != self.forest.slots or self.couplings.shape != (edges, symbols, symbols):
            raise ConfigurationError(
                f"a forest of {self.forest.slots} slots and {edges} edges needs fields (G, S) or "
                f"(R, G, S) and couplings (E, S, S), but got {tuple(self.fields.shape)} and "
                f"{tuple(self.couplings.shape)}"
            )
        count = self.temperature.numel()
        if self.temperature.dim() > 1 or (count > 1 < replicas and count != replicas):
            raise ConfigurationError(
                f"temperature must be a number or one for each of {replicas} replicas, but has "
                f"shape {tuple(self.temperature.shape)}"
            )

    def _check_values(self) -> None:
        for name, values in (("fields", self.fields), ("couplings", self.couplings)):
            if bool((values.isnan() | (values == torch.inf)).any()):
                raise ConfigurationError(f"{name} must be finite or -inf, but hold NaN or +inf")
        if not bool(((self.temperature > 0) & self.temperature.isfinite()).all()):
            raise ConfigurationError(f"temperature must be positive, but is {self.temperature}")

    def _check_possible(self) -> None:
        """Refuse potentials that forbid everything, naming the place where nothing is left."""
        if bool((self._beliefs[0].amax(2) > -torch.inf).all()):
            return
        for depth in reversed(range(len(self._beliefs))):
            dead = (self._beliefs[depth].amax(2) == -torch.inf).nonzero()
            if not len(dead):
                continue
            replica, place = dead[0].tolist()
            slot = int(self.forest.levels[depth].slots[place])
            where = f" (replica {replica})" if self.replicas > 1 else ""
            own = self.fields[min(replica, self.fields.shape[0] - 1), slot]
            if not bool((own > -torch.inf).any()):
                raise ConfigurationError(
                    f"the rules conflict: slot {slot} has every symbol forbidden by itself{where}"
                )
            level = self.forest.levels[depth + 1]
            ends = self.forest.edges[level.edges[level.parents == place]].tolist()
            named = ", ".join(f"{one}-{other}" for one, other in ends)
            raise ConfigurationError(
                f"the rules conflict: each symbol of slot {slot} is forbidden by itself or "
                f"leaves no symbol across the edges {named}{where}; drop or soften a rule there"
            )
