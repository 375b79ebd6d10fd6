"""Learning rates of their own for replicas that share an optimizer."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Adam, AdamW, Optimizer

from esr.errors import ConfigurationError

__all__ = [
    "OptimizerFactory",
    "late_start",
    "require_proportional",
    "set_rate",
    "step_at_rates",
]

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


def late_start(optimizer: Optimizer, ages: Tensor, step: int) -> Tensor:
    r"""Factors on the learning rates that make up for a memory younger than the optimizer's.

    Adam divides its averages :math:`m, v` by what they lack after :math:`t` steps. Replicas whose
    averages were cleared later lack more, and without the factor would take steps several times
    too long for hundreds of steps:

    .. math:: \frac{1 - \beta_1^t}{1 - \beta_1^k} \sqrt{\frac{1 - \beta_2^k}{1 - \beta_2^t}}

    Arguments:
        optimizer: Other kinds than Adam and AdamW need no factor, or have an unknown one: ones.
        ages: Steps :math:`k - 1` since each replica's memory was cleared, `(R,)`.
        step: Steps :math:`t - 1` that the optimizer has done.
    Returns:
        The factors, `(R,)`, exact but for Adam's epsilon and AdamW's decay.
    """
    if not isinstance(optimizer, (Adam, AdamW)):
        return torch.ones(len(ages), dtype=torch.float64)
    first, second = (float(beta) for beta in optimizer.param_groups[0]["betas"])
    own, shared = ages.double() + 1, step + 1
    averages = (1 - first**shared) / (1 - first**own)
    return averages * ((1 - second**own) / (1 - second**shared)).sqrt()


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
