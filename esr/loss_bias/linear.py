"""The loss as a bias, to first order."""

import torch
from torch import Tensor

from esr.loss_bias.contract import StateLoss

__all__ = ["linear_bias"]


def linear_bias(loss: StateLoss, states: Tensor) -> Tensor:
    r"""Minus the derivative of the loss by the relaxed state: first order.

    .. math:: I = -\partial L / \partial V

    It knows neither the curvature of the loss nor what a whole change of symbol does; see
    `gauss_newton_bias` and `finite_change_bias`.

    Arguments:
        loss: The loss.
        states: :math:`V`, shape `(R, G, S)`.
    Returns:
        To be added to the network's field, shape `(R, G, S)`, not differentiable.
    """
    with torch.enable_grad():
        tracked = states.detach().requires_grad_()
        (slope,) = torch.autograd.grad(loss.of_states(tracked).sum(), tracked)
    return -slope
