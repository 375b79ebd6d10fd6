"""Graded dynamics: neurons of continuous response follow the energy downhill, step by step."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError
from esr.hopfield.couplings import Couplings
from esr.hopfield.dynamics.activation import Activation, Softmax
from esr.hopfield.spectrum.coupling_operator import CouplingOperator
from esr.hopfield.spectrum.eigenpairs import extreme_eigenpairs
from esr.hopfield.spectrum.operators import CentredOperator, SymmetricOperator
from esr.hopfield.spectrum.stability import safe_step

__all__ = ["GradedDynamics", "Trajectory", "computed_step", "lowest_curvature"]


@dataclass(frozen=True)
class Trajectory:
    """States along a run of T recorded steps.

    Arguments:
        internal: Internal states u, `(T, R, G, S)`.
        activations: V, `(T, R, G, S)`.
        energy: Energy with the integral term, `(T, R)`: it never rises at a safe step.
    """

    internal: Tensor
    activations: Tensor
    energy: Tensor


class GradedDynamics:
    r"""Euler steps of the graded Hopfield network.

    .. math:: u \leftarrow u + dt\,(-u - \partial E / \partial V), \quad V = g(u)

    With `Softmax` this is Potts mean field, damped by dt in u.

    Arguments:
        couplings: The energy E; for mean field of zeros and ones those of multilinear terms.
        activation: g.
        step: dt; `computed_step` gives one at which the energy never rises.
    Raises:
        ConfigurationError: If the step is not positive.
    Source: Hopfield (1984), https://doi.org/10.1073/pnas.81.10.3088.
    """

    def __init__(self, couplings: Couplings, activation: Activation, step: float) -> None:
        if not step > 0:
            raise ConfigurationError(f"step must be positive, but is {step}")
        self.couplings, self.activation, self.step = couplings, activation, step

    def advance(self, internal: Tensor, bias: Tensor | None = None) -> Tensor:
        """Internal states one step later, `(R, G, S)`; differentiable.

        Arguments:
            internal: u, `(R, G, S)`.
            bias: From outside, such as a loss-bias, `(R, G, S)` or a shape that broadcasts.
        """
        field = self.couplings.field(self.activation(internal))
        pull = field if bias is None else field + bias
        return internal + self.step * (pull - internal)

    def energy(self, activations: Tensor, bias: Tensor | None = None) -> Tensor:
        """Energy of activations `(R, G, S)` with the integral term, `(R,)`."""
        energy = self.couplings.energy(activations) + self.activation.integral(activations)
        if bias is not None:
            energy = energy - (activations * bias).flatten(1).sum(1)
        return energy

    def run(
        self, internal: Tensor, steps: int, bias: Tensor | None = None, record_every: int = 0
    ) -> tuple[Tensor, Trajectory | None]:
        """Many steps.

        Arguments:
            internal: First u, `(R, G, S)`.
            steps: How many, at least 0.
            bias: A constant bias from outside.
            record_every: Steps between records, the first and last state included; 0 for none.
        Returns:
            The last u, and what was recorded.
        """
        recorded: list[tuple[Tensor, Tensor, Tensor]] = []
        for step in range(steps + 1):
            if record_every and (step % record_every == 0 or step == steps):
                active = self.activation(internal)
                recorded.append((internal, active, self.energy(active, bias)))
            if step < steps:
                internal = self.advance(internal, bias)
        if not recorded:
            return internal, None
        states, activations, energies = (torch.stack(part) for part in zip(*recorded, strict=True))
        return internal, Trajectory(states, activations, energies)


def computed_step(
    couplings: Couplings, activation: Activation, *, generator: Generator | None = None
) -> float:
    """A step at which the energy never rises, from the lowest eigenvalue of Q.

    Arguments:
        couplings: The energy.
        activation: Whose slope it is for; a `Softmax` keeps the sums of groups.
        generator: Draws the start of the eigenvalue search.
    """
    kept = isinstance(activation, Softmax)
    lowest = lowest_curvature(couplings, keeping_sums=kept, generator=generator)
    return safe_step(lowest, activation.slope)


def lowest_curvature(
    couplings: Couplings, *, keeping_sums: bool, generator: Generator | None = None
) -> float:
    """A number that no eigenvalue of minus the energy's second derivative is below.

    Orders above two are bounded by the largest row sum that their second derivative can have.

    Arguments:
        couplings: The energy.
        keeping_sums: Whether only changes within slots count, as where each slot sums to one.
        generator: Draws the start of the eigenvalue search.
    """
    operator: SymmetricOperator = CouplingOperator(couplings)
    if keeping_sums:
        groups = torch.arange(operator.size, device=couplings.bias.device)
        operator = CentredOperator(operator, groups // couplings.grid.symbols)
    lowest, _ = extreme_eigenpairs(operator, couplings.bias, generator=generator)
    return lowest.lower - couplings.higher_curvature()
