"""Couplings as a model that a trainer can learn from examples: contrastive Hebbian learning."""

import torch
from torch import Generator, Tensor, nn

from esr.errors import ConfigurationError, DataError
from esr.hopfield.exact.forest import ForestDistribution
from esr.hopfield.exact.pairwise import PairwiseNetwork
from esr.hopfield.exact.rooted import RootedForest
from esr.hopfield.learning.hard_zeros import HardZeros
from esr.hopfield.learning.learner import with_forbidden
from esr.hopfield.learning.wiring import Counts, Wiring, count_examples
from esr.models import Energy, EnergyModel

__all__ = ["CouplingModel"]


class CouplingModel(EnergyModel[Tensor]):
    r"""R sets of fields and couplings, trained like any model: a batch holds examples.

    The energy is the mean energy of the examples less that of the model's own exact samples,

    .. math:: \langle E \rangle_\text{examples} - \langle E \rangle_\text{samples},

    through which no gradient reaches the samples. Its gradient is a difference of correlations,
    in expectation that of the negative log-likelihood, so that a step of a `HebbianOptimizer` is
    the contrastive Hebbian rule and its leak is forgetting. The structure costs nothing. The
    value of the energy hovers around zero; `negative_log_likelihood` says how good a fit is.

    Arguments:
        wiring: G slots, K kinds of slots, E edges of K' kinds; the edges close no cycle.
        symbols: Number of symbols S of a slot, at least 1.
        replicas: Number of parallel copies R, at least 1; they differ in their start only.
        samples: Exact samples of each replica that an energy is estimated from, at least 1.
        spread: Deviation of the initial parameters around zero, in units of energy, at least 0.
        hard_zeros: What `prune` may forbid; whatever was not seen unless given.
        generator: Draws the initial parameters.
    Raises:
        ConfigurationError: If a number is out of range or the edges close a cycle.
    Source: Ackley, Hinton, Sejnowski (1985), https://doi.org/10.1207/s15516709cog0901_7.
    """

    def __init__(
        self,
        wiring: Wiring,
        symbols: int,
        replicas: int,
        samples: int = 500,
        spread: float = 0.01,
        hard_zeros: HardZeros | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(replicas)
        if min(symbols, replicas, samples) < 1 or not spread >= 0:
            raise ConfigurationError(
                "symbols, replicas and samples must be at least 1 and spread at least 0, but "
                f"are {symbols}, {replicas}, {samples} and {spread}"
            )
        self.symbols, self.samples, self.spread = symbols, samples, spread
        self.hard_zeros = hard_zeros if hard_zeros is not None else HardZeros()
        self._wiring = wiring
        self._copies, self._forest = _copied(wiring, replicas)
        slot_kinds = int(wiring.slot_kinds.max()) + 1
        edge_kinds = int(wiring.edge_kinds.max()) + 1 if len(wiring.edges) else 0
        self.fields = nn.Parameter(torch.empty(replicas, slot_kinds, symbols))
        self.couplings = nn.Parameter(torch.empty(replicas, edge_kinds, symbols, symbols))
        for name, like in (("fields", self.fields), ("couplings", self.couplings)):
            dead = torch.zeros_like(like, dtype=torch.bool)
            self.register_buffer(f"forbidden_{name}", dead)
        self.register_buffer("_singles", torch.zeros(wiring.slots, symbols))
        self.register_buffer("_pairs", torch.zeros(len(wiring.edges), symbols, symbols))
        self.register_buffer("_number", torch.zeros((), dtype=torch.long))
        everyone = torch.ones(replicas, dtype=torch.bool)
        self.reset_replicas(everyone, generator=generator)

    forbidden_fields: Tensor
    """Symbols that `prune` has forbidden, bool `(R, K, S)`."""
    forbidden_couplings: Tensor
    """Pairs that `prune` has forbidden, bool `(R, K', S, S)`."""
    _singles: Tensor
    _pairs: Tensor
    _number: Tensor

    @property
    def wiring(self) -> Wiring:
        """Which slots are coupled and which share parameters."""
        self._follow()
        return self._wiring

    def energy(self, batch: Tensor, *, generator: Generator | None = None) -> Energy:
        """The contrast between examples `(n, G)` and fresh samples, `(R,)`.

        What is forbidden adds nothing, even if an example shows it.

        Raises:
            DataError: If the examples are not integers below S, or have another number of slots.
        """
        counts = self._count(batch)
        if self.training:
            self._singles.copy_(counts.singles)
            self._pairs.copy_(counts.pairs)
            self._number.fill_(counts.number)
        drawn = self.sample(self.samples, generator=generator).transpose(0, 1).flatten(1)
        found = count_examples(drawn, self.symbols, self._copies)
        singles = counts.singles / counts.number - self._apart(found.singles) / found.number
        pairs = counts.pairs / counts.number - self._apart(found.pairs) / found.number
        contrast = self._pooled(singles, pairs)
        fields = self.fields.masked_fill(self.forbidden_fields, 0)
        couplings = self.couplings.masked_fill(self.forbidden_couplings, 0)
        gain = (fields * contrast[0]).sum((1, 2)) + (couplings * contrast[1]).sum((1, 2, 3))
        return Energy(-gain, torch.zeros_like(gain))

    @torch.no_grad()
    def sample(self, count: int, *, generator: Generator | None = None) -> Tensor:
        """Exact samples of each replica, integers `(R, count, G)`."""
        drawn = self._distribution().sample(count, generator=generator)
        return drawn.reshape(count, self.replicas, -1).transpose(0, 1)

    def negative_log_likelihood(self, examples: Tensor) -> Tensor:
        """Mean over examples `(n, G)` of minus their log-probability, exact, `(R,)`.

        Differentiable; infinite for a replica that forbids an example.
        """
        counts = self._count(examples)
        wanted = self._pooled(
            (counts.singles / counts.number).expand(self.replicas, -1, -1),
            (counts.pairs / counts.number).expand(self.replicas, -1, -1, -1),
        )
        fit = [
            torch.where(share > 0, values * share, 0).flatten(1).sum(1)
            for values, share in zip(self._potentials(), wanted, strict=True)
        ]
        trees = self._distribution().tree_log_partitions()  # (1, R * trees of a replica)
        return trees.reshape(self.replicas, -1).sum(1) - fit[0] - fit[1]

    def network(self, replica: int, *, hard: bool = True) -> PairwiseNetwork:
        """One replica as a network, in double precision.

        Arguments:
            replica: Which.
            hard: Whether to forbid what was pruned; its last weights stand there otherwise.
        """
        values = self._potentials() if hard else (self.fields, self.couplings)
        fields, couplings = (each[replica].detach().double() for each in values)
        return self.wiring.spread(fields, couplings)

    @torch.no_grad()
    def prune(self, threshold: float, which: Tensor | None = None) -> None:
        """Forbid, for good, what `hard_zeros` finds missing in the examples, if the model makes
        it no more than `threshold` times a sample, summed over what shares the weight.

        The examples are those of the last batch of training; without any, nothing is forbidden.
        """
        if not int(self._number):
            return
        counts = Counts(self._singles.double(), self._pairs.double(), int(self._number))
        dead = self.hard_zeros.forbidden(counts, self.wiring)
        distribution = self._distribution()
        singles, pairs = distribution.marginals()[0], distribution.pair_marginals()[0]
        made = self._pooled(self._apart(singles), self._apart(pairs))
        for masks, missing, often in zip(self._masks(), dead, made, strict=True):
            new = missing & (often <= threshold)
            masks |= new if which is None else new & which.view(-1, *(1,) * (new.dim() - 1))

    @torch.no_grad()
    def reset_replicas(self, which: Tensor, *, generator: Generator | None = None) -> None:
        """Fresh parameters and nothing forbidden where `which`, bool `(R,)`, is true."""
        where = generator.device if generator is not None else None
        for values, masks in zip((self.fields, self.couplings), self._masks(), strict=True):
            noise = torch.randn(values.shape, generator=generator, device=where)
            chosen = which.to(values.device).view(-1, *(1,) * (values.dim() - 1))
            values.copy_(torch.where(chosen, (self.spread * noise).to(values), values))
            masks &= ~chosen

    def replica_state(self) -> dict[str, Tensor]:
        """The parameters, and what is forbidden."""
        masks = zip(("forbidden_fields", "forbidden_couplings"), self._masks(), strict=True)
        return super().replica_state() | dict(masks)

    def _masks(self) -> tuple[Tensor, Tensor]:
        return self.forbidden_fields, self.forbidden_couplings

    def _potentials(self) -> tuple[Tensor, Tensor]:
        """Fields `(R, K, S)` and couplings `(R, K', S, S)`, -inf where forbidden."""
        return (
            with_forbidden(self.fields, self.forbidden_fields),
            with_forbidden(self.couplings, self.forbidden_couplings),
        )

    def _distribution(self) -> ForestDistribution:
        """All replicas as one forest of R * G slots, in which each has trees of its own."""
        wiring = self.wiring
        fields, couplings = self._potentials()
        return ForestDistribution(
            self._forest,
            fields[:, wiring.slot_kinds].flatten(0, 1),
            couplings[:, wiring.edge_kinds].flatten(0, 1),
        )

    def _apart(self, together: Tensor) -> Tensor:
        """What all replicas have in a row, `(R * n, *)`, for each of them, `(R, n, *)`."""
        return together.reshape(self.replicas, -1, *together.shape[1:])

    def _count(self, examples: Tensor) -> Counts:
        wiring = self.wiring
        if examples.dim() == 2 and examples.shape[1] != wiring.slots:
            raise DataError(f"examples must be (n, {wiring.slots}), but are {examples.shape}")
        return count_examples(examples, self.symbols, wiring)

    def _pooled(self, singles: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Sums over slots and edges of each kind, of `(R, G, S)` and `(R, E, S, S)`."""
        fields, couplings = torch.zeros_like(self.fields), torch.zeros_like(self.couplings)
        return (
            fields.index_add(1, self._wiring.slot_kinds, singles.to(fields)),
            couplings.index_add(1, self._wiring.edge_kinds, pairs.to(couplings)),
        )

    def _follow(self) -> None:
        """Move the wiring to where the parameters are."""
        device = self.fields.device
        if self._wiring.slot_kinds.device != device:
            wiring = self._wiring
            parts = (wiring.edges, wiring.slot_kinds, wiring.edge_kinds)
            self._wiring = Wiring(*(part.to(device) for part in parts))
            self._copies, self._forest = _copied(self._wiring, self.replicas)


def _copied(wiring: Wiring, replicas: int) -> tuple[Wiring, RootedForest]:
    """R copies of a wiring side by side, nothing shared: slot g of copy r is r * G + g."""
    shift = torch.arange(replicas, device=wiring.edges.device) * wiring.slots
    edges = (wiring.edges + shift[:, None, None]).flatten(0, 1)
    slots = replicas * wiring.slots
    return Wiring.separate(slots, edges), RootedForest(slots, edges)
