"""What meta-learning lowers: the energy of copies after they have adapted, and kin."""

from collections.abc import Sequence

import torch
from torch import Generator

from esr.errors import ConfigurationError
from esr.meta.episodes import Episodes
from esr.meta.inner_loop import InnerLoop
from esr.meta.learner import Learner
from esr.models import BatchT, Energy, EnergyModel

__all__ = ["MAML", "Joint", "Reptile", "Untrained"]


class MAML:
    r"""Model-agnostic meta-learning: the energy after a few steps of adaptation.

    .. math:: E(\theta) = \frac1K \sum_k E_k^{query}(\theta_k), \quad
              \theta_k = \theta - \alpha \nabla E_k^{support}(\theta) - \dots

    Arguments:
        inner: The inner loop; five steps unless given.
        query_limit: A function's query error counts at most this, and its gradient is scaled
            down alike; positive, in units of the squared target.
        first_order: Whether the inner gradients are taken as constants (FOMAML).
        head_only: Whether only the model's head adapts (ANIL).
    Raises:
        ConfigurationError: If the limit is not positive.
    Source: Finn, Abbeel, Levine (2017), https://arxiv.org/abs/1703.03400; ANIL: Raghu et al.
        (2020), https://arxiv.org/abs/1909.09157. Deviations: the clips, and the structure term
        of the adapted copies.
    """

    def __init__(
        self,
        inner: InnerLoop | None = None,
        query_limit: float = 50.0,
        first_order: bool = False,
        head_only: bool = False,
    ) -> None:
        if not query_limit > 0:
            raise ConfigurationError(f"query_limit must be positive, but is {query_limit}")
        self.inner = inner if inner is not None else InnerLoop()
        self.query_limit, self.first_order, self.head_only = query_limit, first_order, head_only

    def __call__(
        self, model: EnergyModel[BatchT], batch: BatchT, *, generator: Generator
    ) -> Energy:
        """Mean energy of each replica's adapted copies on their query points, `(R,)`."""
        learner, episodes = meta_learning(model, batch)
        copies = learner.copies(episodes.functions)
        adapted = self.inner.adapt(
            copies,
            learner.rates.of_copies(copies.count, _head(learner) if self.head_only else ()),
            episodes.support,
            second_order=not self.first_order,
            generator=generator,
        )
        energy = copies.energy(adapted.parameters, episodes.query, generator=generator)
        data, structure, clipped = (
            tensor.view(learner.replicas, copies.count)
            for tensor in (energy.data, energy.structure, adapted.clipped)
        )
        learner.tally(clipped, self.inner.steps, data.detach() > self.query_limit)
        limited = data * (self.query_limit / data.detach()).clamp(max=1)
        return Energy(limited.mean(1), structure.mean(1))


class Reptile:
    r"""Reptile: the initialisation moves towards where its copies adapt to.

    .. math:: E(\theta) = \frac{1}{2 K \alpha} \sum_k \lVert \theta - \theta_k \rVert^2

    with the adapted :math:`\theta_k` taken as constants. What is reported as the data misfit is
    the mean query error after adaptation, with the gradient of E. The copies adapt to support
    and query points alike.

    Arguments:
        inner: The inner loop; five steps unless given.
    Source: Nichol, Achiam, Schulman (2018), https://arxiv.org/abs/1803.02999. Deviations: the
        clip of the inner loop, and the structure term of the initialisation.
    """

    def __init__(self, inner: InnerLoop | None = None) -> None:
        self.inner = inner if inner is not None else InnerLoop()

    def __call__(
        self, model: EnergyModel[BatchT], batch: BatchT, *, generator: Generator
    ) -> Energy:
        """Each replica's query error, `(R,)`, with the gradient of the distance."""
        learner, episodes = meta_learning(model, batch)
        copies = learner.copies(episodes.functions)
        rates = {name: r.detach() for name, r in learner.rates.of_copies(copies.count).items()}
        adapted = self.inner.adapt(
            copies, rates, episodes.joined(), second_order=False, generator=generator
        )
        distance = torch.zeros((), device=adapted.clipped.device)
        start = copies.initial()
        for name, there in adapted.parameters.items():
            squares = (start[name] - there.detach()).square() / (2 * rates[name])
            distance = distance + squares.flatten(1).sum(1)  # (R K,)
        with torch.no_grad():
            error = copies.energy(adapted.parameters, episodes.query, generator=generator).data
        shape = (learner.replicas, copies.count)
        learner.tally(adapted.clipped.view(shape), self.inner.steps, error.view(shape) < 0)
        data = (error + distance - distance.detach()).view(shape).mean(1)
        return Energy(data, learner.model.structure())


class Joint:
    """Joint training: the model's own energy on the points of all functions together, as if they
    were one function."""

    def __call__(
        self, model: EnergyModel[BatchT], batch: BatchT, *, generator: Generator
    ) -> Energy:
        """The energy of each replica, `(R,)`."""
        return model.energy(batch, generator=generator)


class Untrained:
    """No objective at all: the initialisation stays as it was drawn, for others to be measured
    against."""

    def __call__(
        self, model: EnergyModel[BatchT], batch: BatchT, *, generator: Generator
    ) -> Energy:
        """Zeros, `(R,)`, with zero gradients."""
        nothing = sum(
            (parameter.flatten(1).sum(1) * 0 for parameter in model.parameters()),
            torch.zeros(model.replicas, device=next(model.parameters()).device),
        )
        return Energy(nothing, nothing)


def meta_learning(model: EnergyModel[BatchT], batch: BatchT) -> tuple[Learner, Episodes]:
    """The learner and the episodes that a meta-learning objective needs.

    Raises:
        TypeError: If they are something else.
    """
    if not isinstance(model, Learner) or not isinstance(batch, Episodes):
        raise TypeError(
            "a meta-learning objective needs a Learner and Episodes, but got "
            f"{type(model).__name__} and {type(batch).__name__}; wrap the model: Learner(model)"
        )
    return model, batch


def _head(learner: Learner) -> Sequence[str]:
    names = learner.model.head
    if not names:
        raise ConfigurationError(
            f"{type(learner.model).__name__} names no head, so its head alone cannot adapt; "
            "adapt all of it"
        )
    return names
