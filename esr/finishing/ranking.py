"""The order in which replicas are worth finishing."""

import math
from collections.abc import Sequence

from torch import Tensor

from esr.equations import Expression

__all__ = ["promising_order"]

_NATS_PER_NODE = math.log(20)


def promising_order(
    readings: Sequence[Expression], errors: Tensor, samples: int, floor: float
) -> list[int]:
    r"""Replicas by the length of their description, shortest first; those not finite are left out.

    .. math:: \tfrac N2 \ln\max(\mathrm{mse}, \mathrm{floor}) + C \ln 20

    with C the number of nodes of the reading: a short equation that nearly fits leads to the law
    more often than a long one that fits.

    Arguments:
        readings: One equation for each replica.
        errors: Mean squared validation error of each replica, `(R,)`.
        samples: N, the number of validation samples.
        floor: Errors below it are rounding and all the same; positive.
    """
    lengths = {
        replica: samples / 2 * math.log(max(error, floor))
        + _NATS_PER_NODE * readings[replica].complexity
        for replica, error in enumerate(errors.tolist())
        if math.isfinite(error)
    }
    return sorted(lengths, key=lambda replica: lengths[replica])
