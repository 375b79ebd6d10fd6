"""Per-replica care of gradients and of optimizer state: clipping, divergence, fresh starts."""

from collections.abc import Sequence
from enum import Enum

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

__all__ = ["DivergenceAction", "clear_optimizer_state", "limit_gradients"]


class DivergenceAction(Enum):
    """What happens to a replica whose energy or gradient is not finite."""

    REINITIALISE = "reinitialise"
    FREEZE = "freeze"


def limit_gradients(
    gradients: Sequence[Tensor], energies: Tensor, active: Tensor, limit: float | Tensor
) -> tuple[Tensor, Tensor]:
    """Clip each replica's gradient to a norm, and silence replicas that are not finite, in place.

    Arguments:
        gradients: All lead with the replica dimension R; they are changed.
        energies: The energy of each replica, `(R,)`.
        active: Replicas that still train, bool `(R,)`; the gradient of others becomes zero.
        limit: Largest gradient norm of a replica, positive; or of each, `(R,)`.
    Returns:
        Whether each active replica is healthy, bool `(R,)`; true for inactive ones. And whether
        the gradient of each was clipped, bool `(R,)`; false for inactive ones and those that are
        not finite.
    """
    norm = torch.linalg.vector_norm(torch.cat([g.flatten(1) for g in gradients], 1), dim=1)
    energies = energies.detach()
    healthy: Tensor = norm - norm == energies - energies  # 0 == 0 where both are finite, else NaN
    trains = healthy & active
    scale = limit / norm
    clipped = scale < trains  # below 1 where it trains; nothing is below 0
    scale.clamp_(max=1).masked_fill_(~trains, 0)
    for gradient in gradients:
        gradient.nan_to_num_(0, 0, 0).mul_(scale.view(-1, *(1,) * (gradient.dim() - 1)))
    return healthy.logical_or_(~active), clipped


def clear_optimizer_state(
    optimizer: Optimizer, parameters: Sequence[Parameter], which: Tensor
) -> None:
    """Set the optimizer's memory of the replicas where `which`, bool `(R,)`, is true to zero.

    State of a parameter's own shape is taken to be per entry; anything else, such as a step
    count, is shared by all replicas and left alone.
    """
    for parameter in parameters:
        for value in optimizer.state.get(parameter, {}).values():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                value[which] = 0
