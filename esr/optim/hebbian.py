"""The Hebbian optimizer: one rule for the states of a Hopfield network and for its couplings."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from esr.errors import ConfigurationError, TrainingError

__all__ = ["HebbianOptimizer", "group_couplings", "group_states"]

_OPTIONS = ("foreach", "leak", "lr", "maximize")
_OTHER_NAMES = {"decay": "leak", "dt": "lr", "forgetting": "leak", "weight_decay": "leak"}


def group_states(
    states: Iterable[Tensor], step: float | Tensor, leak: float = 1.0
) -> dict[str, object]:
    """A parameter group of internal states u, whose gradient is the energy's by V = g(u).

    Arguments:
        states: Tensors of any shape; `esr.optim.straight_through` makes their gradients so.
        step: Euler step dt of the dynamics, at least 0 (`esr.hopfield.safe_step` bounds it).
        leak: How fast a state without input decays, at least 0; 1 in the graded Hopfield model.
    """
    return {"params": states, "lr": step, "leak": leak}


def group_couplings(
    couplings: Iterable[Tensor], rate: float | Tensor, forgetting: float = 0.0
) -> dict[str, object]:
    """A parameter group of couplings, whose gradient is minus a difference of correlations.

    Arguments:
        couplings: Tensors of any shape, in which an energy is linear.
        rate: Learning rate, at least 0.
        forgetting: Decay of a coupling that nothing refreshes, at least 0. With 1 and no
            negative phase a coupling is the moving average of the elites' correlations.
    """
    return {"params": couplings, "lr": rate, "leak": forgetting}


class HebbianOptimizer(Optimizer):
    r"""Moves each parameter down its gradient while it leaks towards zero; knows no model.

    .. math:: x \leftarrow x + \eta\,(-\lambda x - \partial x), \quad \partial x = \texttt{x.grad}

    One rule serves both kinds of parameters, which differ by what their gradient means:

    - *states*, with :math:`\partial u = dE/dV` handed on by
      `esr.optim.straight_through`: the Euler step
      :math:`u \leftarrow u + dt(-u + QV + I)` of the graded Hopfield network;
    - *couplings* C, in which the energy is linear, :math:`dE/dC = -\langle v v^\top\rangle`, so
      that a loss of `esr.optim.correlations` gives :math:`-\partial C`, the elites' correlations
      (Hebb) less those of a negative phase (contrast), and the leak is forgetting.

    A state at its fixed point, :math:`\partial u = -\lambda u`, does not move by rounding. What
    changes in a step is proportional to the rate. No state is kept besides the options.

    Arguments:
        params: Parameters, named parameters or groups, as of every torch optimizer;
            `group_states` and `group_couplings` make groups.
        lr: Step :math:`\eta \ge 0`: a number, or a tensor of one element.
        leak: :math:`\lambda \ge 0`.
        maximize: Climb the gradient instead; the leak stays a decay.
        foreach: Whether a group moves in few operations over all its tensors, or tensor by
            tensor; None takes the former where all are on a CUDA device.
    Raises:
        ConfigurationError: If an option is out of range or misspelt, or a parameter is complex.
    Source: Hopfield (1984), eq. 5, https://doi.org/10.1073/pnas.81.10.3088, for the states;
        Hebb's rule with decay as in Hertz, Krogh, Palmer (1991), ch. 8, for the couplings.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        leak: float = 1.0,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
    ) -> None:
        options = {"lr": lr, "leak": leak, "maximize": maximize, "foreach": foreach}
        _check_options(options)
        super().__init__(params, options)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own, as of every torch optimizer.

        Raises:
            ConfigurationError: As the constructor.
        """
        super().add_param_group(param_group)
        try:
            _check_options(self.param_groups[-1])
        except ConfigurationError:
            self.param_groups.pop()
            raise

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # a state may have been saved by another optimizer
            for option in _OPTIONS:
                group.setdefault(option, self.defaults[option])

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move every parameter that has a gradient.

        Arguments:
            closure: Computes the loss and its gradients; called once, with gradients enabled.
        Returns:
            What the closure returned.
        Raises:
            TrainingError: If a gradient is sparse.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [each for each in group["params"] if each.grad is not None]
            gradients = [each.grad for each in parameters]
            _require_dense(gradients)
            if not parameters:
                continue
            foreach = group["foreach"]
            if foreach is None:
                foreach = all(each.is_cuda for each in parameters)
            sign = -1.0 if group["maximize"] else 1.0  # climbing is falling at a rate below 0
            move = _move_together if foreach else _move_in_turn
            move(parameters, gradients, sign * group["lr"], sign * group["leak"])
        return loss


def _move_in_turn(
    parameters: list[Tensor], gradients: list[Tensor], rate: float | Tensor, leak: float
) -> None:
    """One tensor after the other; the sum is formed first, so that a fixed point stays fixed."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        fall = gradient.add(parameter, alpha=leak)
        if isinstance(rate, Tensor):
            parameter.sub_(fall.mul_(rate.reshape(()).to(fall.device)))
        else:
            parameter.sub_(fall, alpha=rate)


def _move_together(
    parameters: list[Tensor], gradients: list[Tensor], rate: float | Tensor, leak: float
) -> None:
    """As `_move_in_turn`, the tensors of one device and type at a time."""
    kinds: dict[tuple[torch.device, torch.dtype], tuple[list[Tensor], list[Tensor]]] = {}
    for parameter, gradient in zip(parameters, gradients, strict=True):
        alike = kinds.setdefault((parameter.device, parameter.dtype), ([], []))
        alike[0].append(parameter)
        alike[1].append(gradient)
    for (device, _), (places, slopes) in kinds.items():
        falls = torch._foreach_add(slopes, places, alpha=leak)
        if isinstance(rate, Tensor):
            torch._foreach_mul_(falls, rate.reshape(()).to(device))
            torch._foreach_sub_(places, falls)
        else:
            torch._foreach_sub_(places, falls, alpha=rate)


def _check_options(group: dict[str, Any]) -> None:
    """Refuse options that are out of range or misspelt, and complex parameters."""
    for name in group.keys() - {*_OPTIONS, "params", "param_names"}:
        meant = _OTHER_NAMES.get(name) or next(iter(get_close_matches(name, _OPTIONS, 1, 0.7)), "")
        if meant:
            raise ConfigurationError(f"option '{name}' is unknown; did you mean '{meant}'?")
    rate = group["lr"]
    if isinstance(rate, Tensor) and rate.numel() != 1:
        raise ConfigurationError(
            f"lr must be a number or a tensor of one element, but has shape {tuple(rate.shape)}"
        )
    for name in ("lr", "leak"):
        if not group[name] >= 0:
            raise ConfigurationError(f"{name} must be at least 0, but is {group[name]}")
    for index, parameter in enumerate(group.get("params", ())):
        if parameter.is_complex():
            raise ConfigurationError(
                f"params[{index}] is complex ({parameter.dtype}), but states and couplings are "
                "real; pass torch.view_as_real of it"
            )


def _require_dense(gradients: Iterable[Tensor]) -> None:
    for gradient in gradients:
        if gradient.layout != torch.strided:
            raise TrainingError(
                f"HebbianOptimizer does not support sparse gradients, but got {gradient.layout}; "
                "make it dense with to_dense() in a gradient hook, or embed with sparse=False"
            )
