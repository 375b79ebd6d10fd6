r"""The structure energy of a program's choices: a Potts network with couplings and biases.

.. math:: E(V) = -\tfrac12 V^T Q V - b^T V + T \sum_i V_i \ln V_i + \text{const}

The last sum is the integral of the activation's inverse, :math:`\int g^{-1}(V)\,dV`, of the
softmax :math:`V = g(u)` (Hopfield 1984, https://doi.org/10.1073/pnas.81.10.3088, with the softmax
of Potts networks, Peterson and Soederberg 1989, in place of the sigmoid). It favours
undecided choices and is zero at decided ones; the couplings of an activation with itself favour
decided ones. The schedule's factor on the structure anneals: as it grows beside the data misfit,
choices are made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from esr.equations import Primitive
from esr.errors import ConfigurationError
from esr.relaxed_program.layout import OPERANDS, Layout

__all__ = ["Prices", "choice_energy", "entropy_term", "operator_biases", "source_couplings"]


@dataclass(frozen=True)
class Prices:
    """What the structure of a program costs, in units of the data misfit, each at least 0.

    Arguments:
        indecision: Twice the price of a choice that is spread evenly over very many options; a
            choice that is made costs nothing. The coupling of each activation with itself.
        dead_operand: Of a constant as an operand, and of a second operand that points anywhere
            but at the constant where the operator takes only one.
        operator: Of an operator's every operand.
        weight: Of a weight of size one in the readout, smoothed L0.5.
        offset: Of an operand's offset of size one, smoothed L0.5.
        temperature: T, the strength of the entropy term.
    Raises:
        ConfigurationError: If a price is negative.
    """

    indecision: float = 0.005
    dead_operand: float = 0.005
    operator: float = 0.001
    weight: float = 0.002
    offset: float = 0.001
    temperature: float = 0.0002

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) >= 0:
                raise ConfigurationError(
                    f"the price '{field.name}' must be at least 0, but is "
                    f"{getattr(self, field.name)}"
                )


def source_couplings(layout: Layout, operators: Sequence[Primitive], prices: Prices) -> Tensor:
    """Q, symmetric, `(n, n)`: choices favour themselves, and constants where they do no harm.

    Arguments:
        layout: Places in the state vector of length n.
        operators: The S primitives.
        prices: `indecision` and `dead_operand` act.
    """
    couplings = torch.eye(layout.size) * prices.indecision
    for slot in range(layout.slots):
        for index, operator in enumerate(operators):
            here = layout.operator(slot, index)
            for operand in range(OPERANDS):
                there = layout.pointer(slot, operand, layout.constant)
                used = operand < operator.arity
                strength = -prices.dead_operand if used else prices.dead_operand
                couplings[here, there] = couplings[there, here] = strength
    return couplings


def operator_biases(layout: Layout, operators: Sequence[Primitive], prices: Prices) -> Tensor:
    """b, `(n,)`: an operator's price for each of its operands, with a minus."""
    biases = torch.zeros(layout.size)
    for slot in range(layout.slots):
        for index, operator in enumerate(operators):
            biases[layout.operator(slot, index)] = -prices.operator * operator.arity
    return biases


def choice_energy(
    activations: Tensor, couplings: Tensor, biases: Tensor, temperature: float
) -> Tensor:
    """The energy of each replica's choices, `(R,)`, without the constant.

    Arguments:
        activations: V, `(R, n)`, in [0, 1].
        couplings: Q, `(n, n)`, symmetric.
        biases: b, `(n,)`.
        temperature: T, at least 0.
    """
    pairs = ((activations @ couplings) * activations).sum(1) / 2
    energy = -pairs - activations @ biases
    return energy if temperature == 0 else energy + temperature * entropy_term(activations)


def entropy_term(activations: Tensor) -> Tensor:
    """The sum of V ln V, `(R,)`: zero if every choice is made, negative otherwise."""
    tiny = torch.finfo(activations.dtype).tiny  # ln has no finite slope at 0
    return (activations * activations.clamp(min=tiny).log()).sum(1)
