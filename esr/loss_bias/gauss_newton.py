"""The loss as a bias, with its curvature in the outputs of a slot."""

import math

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.loss_bias.finite_change import check_penalty, relative_bias
from esr.loss_bias.slot_targets import OutputBank, slot_targets
from esr.loss_bias.value_loss import DataLoss
from esr.spelling import HeapTree

__all__ = ["gauss_newton_bias", "gauss_newton_energies"]


def gauss_newton_bias(
    tree: HeapTree, loss: DataLoss, symbols: Tensor, *, penalty: float = math.inf
) -> Tensor:
    r"""Minus the change of the loss when one slot takes another symbol, with the root taken as
    linear in that slot's output: second order.

    With the root's error :math:`e = y - \hat y`, its slope :math:`d` by the slot's output
    :math:`v`, and a symbol's output :math:`F`,

    .. math:: I = \frac{2}{N} \sum_n e_n d_n (F_n - v_n) - \frac{1}{N} \sum_n d_n^2 (F_n - v_n)^2

    The first sum is what `linear_bias` gives at the one-hot state, minus its entry for the
    present symbol; without the second, the largest outputs win. Where the root is linear in the
    slot, the bias is that of `finite_change_bias` exactly.

    Arguments:
        tree: The layout of the loss.
        loss: Mean squared error; its compression is applied to the modelled error.
        symbols: Hard trees, shape `(R, M)`.
        penalty: Symbols without a finite output, and `N`, have minus this, at least 0.
    Returns:
        To be added to the network's field, shape `(R, M, S)`; 0 for the present symbols and in
        slots that are not read. Where the present tree has no value, the root alone is judged,
        as in `finite_change_bias`, and the slots below by the samples that have one.
    Raises:
        ConfigurationError: If the loss reads another layout, or `penalty` is negative.
    """
    check_penalty(penalty)
    energies = gauss_newton_energies(tree, loss, symbols)
    losses = torch.where(energies.isfinite(), loss.compressed(energies), math.inf)
    return relative_bias(losses, symbols, penalty)


def gauss_newton_energies(tree: HeapTree, loss: DataLoss, symbols: Tensor) -> Tensor:
    """The modelled mean squared error with each symbol in each slot.

    A primitive takes the outputs of the slots below as they are; a leaf stands for the slot with
    everything below it removed. Whether the tree remains well formed is left to the couplings.

    Arguments:
        tree: The layout of the loss.
        loss: Mean squared error.
        symbols: Hard trees, shape `(R, M)`.
    Returns:
        Shape `(R, M, S)`, at least 0; infinite for `N`, for symbols without a finite output, and
        in slots that are not read.
    Raises:
        ConfigurationError: If the loss reads another layout.
    """
    if loss.layout is not tree:
        raise ConfigurationError("the loss must read the same tree; give loss.layout as the tree")
    values = tree.slot_values(symbols, loss.inputs)
    rows, slots = tree.read(symbols).nonzero(as_tuple=True)
    targets = slot_targets(tree, symbols, values, loss.targets).at(rows, slots)
    first, count = tree.vocabulary.first_primitive, len(tree.symbols)
    # the empty symbol is worth NaN, and so has infinite energy
    leaves = OutputBank(tree.vocabulary.leaf_values(loss.inputs)[:first]).energies(targets)
    primitives = [
        targets.energies(tree.candidate_values(values, index, rows, slots))
        for index in range(first, count)
    ]
    energies = values.new_full((*symbols.shape, count), math.inf)
    energies[rows, slots] = torch.cat([leaves, *(e[:, None] for e in primitives)], 1)
    return energies.clamp(min=0)  # rounding may leave less
