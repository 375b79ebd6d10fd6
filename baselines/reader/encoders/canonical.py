"""An order of hidden neurons that does not depend on how they were given."""

import torch
from torch import Tensor

from baselines.population import Architecture

__all__ = ["canonical"]


def canonical(architecture: Architecture, weights: Tensor) -> Tensor:
    """The same networks with hidden neurons in canonical order.

    The last hidden layer is ordered by the weight to the output. Earlier ones are ordered, from
    the first on, by the sum of incoming weights. Sums run over neurons already in order, so that
    without ties all orders of a network's neurons lead to the very same tensor.

    Arguments:
        architecture: Of the networks.
        weights: `(M, P)`.
    Returns:
        `(M, P)`.
    """
    hidden = architecture.hidden
    given = [torch.arange(n, device=weights.device).expand(len(weights), n) for n in hidden]
    for index in range(-1, len(hidden) - 1):
        layers = architecture.split(weights)
        keys = layers[-1].weight[:, :, 0] if index < 0 else layers[index].weight.sum(1)
        orders = list(given)
        orders[index] = keys.argsort(stable=True, dim=1)
        weights = architecture.permuted(weights, orders)
    return weights
