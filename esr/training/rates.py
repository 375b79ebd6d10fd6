"""Learning rates of their own for replicas that share an optimizer."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from esr.errors import ConfigurationError

__all__ = ["OptimizerFactory", "require_proportional", "set_rate", "step_at_rates"]

OptimizerFactory = Callable[[Iterable[Parameter]], Optimizer]


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


@torch.no_grad()
def step_at_rates(
    optimizer: Optimizer, parameters: Sequence[Parameter], rates: float | Tensor
) -> None:
    """A step of an optimizer that is proportional to its rate, with a rate for each replica.

    The optimizer steps at the largest rate, then each replica goes back to its share of the way.

    Arguments:
        optimizer: Its parameters lead with the replica dimension R.
        parameters: The optimizer's.
        rates: One rate, or those of the replicas, `(R,)`, at least 0, not all 0.
    """
    if not isinstance(rates, Tensor):
        set_rate(optimizer, rates)
        optimizer.step()
        return
    largest = float(rates.max())
    moving = [parameter for parameter in parameters if parameter.grad is not None]
    before = [parameter.detach().clone() for parameter in moving]
    set_rate(optimizer, largest)
    optimizer.step()
    shares = (rates / largest).to(before[0])
    for parameter, start in zip(moving, before, strict=True):
        share = shares.view(-1, *(1,) * (parameter.dim() - 1))
        parameter.copy_(torch.lerp(start, parameter, share))


def require_proportional(make_optimizer: OptimizerFactory, purpose: str, remedy: str) -> None:
    """Try the optimizer on two numbers: a second step with two rates, after the same first step.

    Arguments:
        make_optimizer: Makes the optimizer from parameters.
        purpose: What its steps cannot be or have otherwise, such as `be compiled`.
        remedy: What to do instead.
    Raises:
        ConfigurationError: If what it changes in a step is not proportional to the rate.
    """
    changes = []
    for rate in (0.5, 1.0):
        place = Parameter(torch.tensor([0.3, -2.0], dtype=torch.float64))
        place.grad = place.new_tensor([1.0, -0.1])
        optimizer = make_optimizer([place])
        for each in (0.1, rate):
            before = place.detach().clone()
            set_rate(optimizer, each)
            optimizer.step()
        changes.append(place.detach() - before)
    if not torch.allclose(2 * changes[0], changes[1], rtol=1e-6, atol=0):
        raise ConfigurationError(
            f"a step of {type(optimizer).__name__} cannot {purpose}, as it is not proportional "
            f"to the learning rate; {remedy}"
        )
