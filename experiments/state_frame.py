"""One look at the state of a Hopfield network: what its neurons hold, feel and cost."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield import NetworkState

__all__ = ["Frame", "StateEnergies", "look_at"]


@dataclass(frozen=True)
class StateEnergies:
    """The energy of a state and what it consists of.

    Arguments:
        by_rule: Energy of each rule; of a hard one the price of what is broken.
        integral: Term of the activation; 0 for states of zeros and ones.
        data: Loss of what the state spells; None without a loss.
        total: Data plus all else times the factor on structure: what training lowers.
        violations: Broken instances of hard rules of the state read as symbols.
        best: Lowest total among replicas; NaN if none is finite.
        median: Median total of replicas.
    """

    by_rule: Mapping[str, float]
    integral: float
    data: float | None
    total: float
    violations: int
    best: float
    median: float


@dataclass(frozen=True)
class Frame:
    """The state of one replica at one step, on the CPU.

    Arguments:
        step: Steps or sweeps done.
        replica: Which replica.
        symbols: What it stands for, as `HopfieldNetwork.symbols` reads it, `(G',)`.
        internal: u, `(G, S)`.
        active: V, `(G, S)`.
        product: QV, `(G, S)`.
        loss_bias: Minus the loss's derivative in V, `(G, S)`; None without a derivative.
        energies: Of the state.
    """

    step: int
    replica: int
    symbols: Tensor
    internal: Tensor
    active: Tensor
    product: Tensor
    loss_bias: Tensor | None
    energies: StateEnergies


@torch.no_grad()
def look_at(
    model: NetworkState, replica: int, step: int = 0, structure_scale: float = 1.0
) -> Frame:
    """What one replica of a model holds now.

    V is the activation of u, except where a search holds states of zeros and ones: those are
    recorded as they are, with the energy that the search gives them.

    Arguments:
        model: Not changed.
        replica: Which one, from 0.
        step: Recorded with it.
        structure_scale: Factor on the energy of the rules.
    """
    network, chosen = model.network, slice(replica, replica + 1)
    held = bool(model.held().all())
    internal = model.internal.detach()
    active = model.activation(internal)
    symbols = network.symbols(active)
    if held:
        active = network.states(symbols).to(internal)
    integral = torch.zeros_like(active[:, 0, 0]) if held else model.activation.integral(active)
    violations = network.violations(active[chosen])
    data = _data(model, active, symbols, held)
    structure = model.couplings.energy(active) + integral
    total = structure_scale * structure + (0 if data is None else data)
    finite = total[total.isfinite()]
    shares = model.couplings.energy_by_rule(active[chosen])
    nothing = float("nan")
    energies = StateEnergies(
        by_rule={name: float(share[0]) for name, share in shares.items()},
        integral=float(integral[replica]),
        data=None if data is None else float(data[replica]),
        total=float(total[replica]),
        violations=int(violations[0]),
        best=float(finite.min()) if len(finite) else nothing,
        median=float(finite.median()) if len(finite) else nothing,
    )
    bias = _loss_bias(model, active[chosen])
    return Frame(
        step=step,
        replica=replica,
        symbols=symbols[replica].cpu(),
        internal=internal[replica].cpu().clone(),
        active=active[replica].cpu(),
        product=model.couplings.product(active[chosen])[0].detach().cpu(),
        loss_bias=None if bias is None else bias[0].cpu(),
        energies=energies,
    )


def _data(model: NetworkState, active: Tensor, symbols: Tensor, held: bool) -> Tensor | None:
    """The loss of every replica, `(R,)`: for states of zeros and ones as a search has it."""
    if model.loss is None:
        return None
    outside = model.loss_field() if held else None
    loss = model.loss.of_states(active) if outside is None else outside.energy(symbols)
    return loss.to(active)


def _loss_bias(model: NetworkState, active: Tensor) -> Tensor | None:
    """Minus the slope of the loss at V `(1, G, S)`; None if there is no loss or no slope."""
    if model.loss is None:
        return None
    with torch.enable_grad():
        tracked = active.detach().clone().requires_grad_()
        try:
            loss = model.loss.of_states(tracked).sum()
        except (ConfigurationError, NotImplementedError):  # what is spelled has no relaxed value
            return None
        if not loss.requires_grad:
            return None
        (slope,) = torch.autograd.grad(loss, tracked, allow_unused=True)
    return None if slope is None else -slope
