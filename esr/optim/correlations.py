"""Losses whose gradients by couplings are Hebbian: differences of weighted correlations.

The energies of the couplings C are linear in them, for instance E = -1/2 V'CV, so dE/dC is minus
the correlation of the activations. Backward through an average energy therefore leaves minus an
average correlation in `C.grad`, whatever the shape and sharing of the couplings, and an optimizer
that descends it learns by Hebb's rule without knowing the model.
"""

import torch
from torch import Tensor

from esr.errors import DataError

__all__ = ["contrastive_loss", "elite_weights", "hebbian_loss"]


def elite_weights(rewards: Tensor, count: int) -> Tensor:
    """One for the patterns of the highest rewards, zero for the others.

    Arguments:
        rewards: Higher is better, `(R, N)`; a pattern whose reward is NaN is never elite.
        count: Elites of each replica, from 1 to N; fewer where fewer rewards are numbers.
    Returns:
        Weights for `hebbian_loss`, `(R, N)`.
    Raises:
        DataError: If `count` is out of range.
    """
    if rewards.dim() < 1 or not 1 <= count <= rewards.shape[-1]:
        raise DataError(
            f"count must be from 1 to the number of patterns, but is {count} for rewards of "
            f"shape {tuple(rewards.shape)}"
        )
    valid = ~rewards.isnan()
    best = torch.where(valid, rewards, -torch.inf).topk(count, -1).indices
    return torch.zeros_like(rewards).scatter(-1, best, 1.0) * valid


def hebbian_loss(energies: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""Mean energy of patterns to remember, weighted by reward.

    .. math:: \sum_n w_n E_n \Big/ \sum_n w_n, \quad
              -\frac{\partial}{\partial C} = \langle v v^\top \rangle_w
              \text{ if } E = -v^\top C v.

    Arguments:
        energies: Energies of N patterns, `(R, N)`, recorded by autograd.
        weights: Rewards, elite weights or `softmax(rewards / temperature)`, `(R, N)`, at least
            0; all alike unless given. No gradient flows into them.
    Returns:
        The loss of each replica, `(R,)`; 0 where all weights are 0, so that nothing is learned.
    Raises:
        DataError: If the shapes differ.
    """
    if weights is None:
        return energies.mean(-1)
    if weights.shape != energies.shape:
        raise DataError(
            f"weights must have the shape of the energies {tuple(energies.shape)}, but have "
            f"{tuple(weights.shape)}"
        )
    shares = weights.detach()
    total = shares.sum(-1, keepdim=True)
    shares = shares / torch.where(total > 0, total, 1.0)
    return (shares * torch.where(shares > 0, energies, 0.0)).sum(-1)


def contrastive_loss(positive: Tensor, negative: Tensor, weights: Tensor | None = None) -> Tensor:
    r"""Mean energy of patterns to remember, less that of patterns the network made itself.

    .. math:: \langle E \rangle_+ - \langle E \rangle_-, \quad
              -\frac{\partial}{\partial C}
              = \langle v v^\top \rangle_+ - \langle v v^\top \rangle_-

    For exact samples in the negative phase it is the gradient of the positive patterns' mean
    log-likelihood under exp(-E), with the sign turned; no gradient may flow into the samples.

    Arguments:
        positive: Energies of the patterns to remember, `(R, N)`.
        negative: Energies of the free-running network's patterns, `(R, M)`.
        weights: Of the positive phase, as in `hebbian_loss`.
    Returns:
        The loss of each replica, `(R,)`.
    Raises:
        DataError: If the shapes do not fit.
    Source: Ackley, Hinton, Sejnowski (1985), https://doi.org/10.1207/s15516709cog0901_7, for
        exact samples; Hinton (2002), https://doi.org/10.1162/089976602760128018, for samples a
        few steps from the positive ones.
    """
    if positive.shape[:-1] != negative.shape[:-1]:
        raise DataError(
            "both phases must have the same replicas, but have shapes "
            f"{tuple(positive.shape)} and {tuple(negative.shape)}"
        )
    return hebbian_loss(positive, weights) - negative.mean(-1)
