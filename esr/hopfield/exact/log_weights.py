"""Sums, products and draws of weights given by their logarithms, minus infinity being none."""

import torch
from torch import Generator, Tensor

__all__ = ["draw", "greatest_products", "log_sum_exp", "normalised", "summed_products"]


def log_sum_exp(values: Tensor) -> Tensor:
    """Logarithm of the summed weights over the last dimension, -inf where there are none.

    Gradients are finite where all weights are none, other than those of `torch.logsumexp`.
    """
    top = _top(values)
    total = (values - top).exp().sum(-1)
    some = total > 0
    logs = torch.where(some, total, 1).log() + top[..., 0]
    return torch.where(some, logs, -torch.inf)


def normalised(values: Tensor) -> Tensor:
    """Weights divided by their sum over the last dimension; zeros where there are none."""
    weights = (values - _top(values)).exp()
    total = weights.sum(-1, keepdim=True)
    return weights / torch.where(total > 0, total, 1)


def summed_products(tables: Tensor, values: Tensor) -> Tensor:
    r"""Logarithm of tables of weights applied to vectors of weights.

    .. math:: m_{rnp} = \log \sum_c e^{C_{rnpc} + b_{rnc}}

    Tables that replicas share are applied as matrix products of weights scaled to at most one.
    Where such a product comes out so small that underflow may have touched it, it is computed
    again with the logarithms added first.

    Arguments:
        tables: :math:`C`, `(1 or R, n, S, S)`.
        values: :math:`b`, `(1 or R, n, S)`.
    Returns:
        `(R, n, S)`.
    """
    if tables.shape[0] > 1 or values.shape[0] == 1:
        return log_sum_exp(tables + values[:, :, None, :])
    table_top, value_top = _top(tables), _top(values)
    weights = (tables - table_top).exp()[0]  # (n, S, S)
    total = torch.einsum("npc,rnc->rnp", weights, (values - value_top).exp())
    small = total < torch.finfo(total.dtype).tiny ** 0.5
    logs = torch.where(small, 1, total).log() + table_top[..., 0] + value_top
    replica, place, symbol = small.nonzero(as_tuple=True)
    again = log_sum_exp(tables[0, place, symbol] + values[replica, place])
    return logs.index_put((replica, place, symbol), again)


def greatest_products(tables: Tensor, values: Tensor) -> Tensor:
    """As `summed_products`, but the greatest summand in place of the sum."""
    return (tables + values[:, :, None, :]).amax(-1)


def draw(values: Tensor, generator: Generator | None) -> Tensor:
    """An index of the last dimension for each row of log weights `(n, m, S)`: `(n, m)`.

    By the inverse of the cumulative distribution; what has no weight is never drawn, unless the
    whole row has none.
    """
    sums = normalised(values).cumsum(2)
    shape = (*sums.shape[:2], 1)
    uniform = torch.rand(shape, generator=generator, dtype=sums.dtype, device=sums.device)
    # Uniform numbers are below 1 by half a unit in the last place or more, so that the product
    # with the total is below the total even when rounded: some sum exceeds it.
    return (sums <= uniform * sums[:, :, -1:]).sum(2).clamp(max=sums.shape[2] - 1)


def _top(values: Tensor) -> Tensor:
    """The greatest over the last dimension, which stays, or zero where all are -inf."""
    top = values.detach().amax(-1, keepdim=True)
    return torch.where(top == -torch.inf, 0, top)
