"""The loss as a bias, by the exact change that each replacement of one symbol makes."""

import math

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.loss_bias.contract import SymbolLoss

__all__ = ["check_penalty", "finite_change_bias", "relative_bias"]


def finite_change_bias(
    loss: SymbolLoss, symbols: Tensor, *, penalty: float = math.inf, memory_limit: int = 2**28
) -> Tensor:
    r"""Minus the change of the loss when one slot takes another symbol: exact, of every order.

    .. math:: I_{gs} = L(\sigma) - L(\sigma \text{ with } s \text{ in slot } g)

    Arguments:
        loss: The loss; it needs no gradient.
        symbols: Hard states :math:`\sigma`, shape `(R, G)`.
        penalty: Replacements whose loss is infinite have minus this, at least 0; by default
            they are excluded.
        memory_limit: Bytes that the evaluation of replacements may take at once, roughly.
    Returns:
        To be added to the network's field, shape `(R, G, S)`; 0 for the present symbols. Where
        the present loss is infinite, it is minus the replacement's loss; a slot in which every
        replacement's loss is infinite says nothing, with 0 for all.
    Raises:
        ConfigurationError: If `penalty` is negative.
    """
    check_penalty(penalty)
    replicas, slots = symbols.shape
    count = len(loss.layout.symbols)
    floats = 4 * (loss.samples + 1) * (slots + 1)  # values of all slots and what is made of them
    rows = max(1, memory_limit // (8 * floats))
    indices = torch.arange(replicas * slots * count, device=symbols.device)
    losses = torch.cat(
        [loss.of_symbols(_replaced(symbols, part, count)) for part in torch.split(indices, rows)]
        or [torch.zeros(0, device=symbols.device)]
    )
    return relative_bias(losses.view(replicas, slots, count), symbols, penalty)


def relative_bias(losses: Tensor, symbols: Tensor, penalty: float) -> Tensor:
    """Losses of replacements as a bias: present loss minus loss.

    Arguments:
        losses: Of every symbol in every slot, shape `(R, G, S)`, infinite where there is none.
        symbols: The present symbols, shape `(R, G)`.
        penalty: Infinite losses have minus this.
    Returns:
        Shape `(R, G, S)`, as `finite_change_bias` says.
    """
    present = losses.gather(2, symbols[..., None])
    defined = losses.isfinite()
    change = losses - torch.where(present.isfinite(), present, 0)
    bias = torch.where(defined, -change, -penalty)
    return torch.where(defined.any(2, keepdim=True), bias, 0)


def check_penalty(penalty: float) -> None:
    """Refuse a negative penalty.

    Raises:
        ConfigurationError: If `penalty` is not at least 0.
    """
    if not penalty >= 0:
        raise ConfigurationError(f"penalty must be at least 0, but is {penalty}")


def _replaced(symbols: Tensor, indices: Tensor, count: int) -> Tensor:
    """The states with one symbol replaced, numbered over replicas, slots and symbols."""
    slots = symbols.shape[1]
    places, replacements = indices // count, indices % count
    replaced = symbols[places // slots]
    return replaced.scatter(1, (places % slots)[:, None], replacements[:, None])
