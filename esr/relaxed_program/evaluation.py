"""Running a program whose choices are relaxed, or made."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations import Primitive
from esr.relaxed_program.choices import Activations
from esr.relaxed_program.constants import Acting

__all__ = ["run_program"]


def run_program(
    activations: Activations,
    constants: Acting,
    operators: Sequence[Primitive],
    inputs: Tensor,
    *,
    made: bool = False,
) -> Tensor:
    r"""The outputs of every replica's program.

    .. math:: a_{jk} = g_{jk} \sum_f P_{jkf} v_f + o_{jk}, \quad
              v_{D+1+j} = \sum_s V_{js} f_s(a_{j1}, a_{j2}), \quad y = W v

    where v begins with the inputs and the constant 1.

    Arguments:
        activations: V and P.
        constants: g, o and W.
        operators: The S primitives f.
        inputs: `(N, D)` or `(R, N, D)`.
        made: Whether all choices are made; an operator that was not chosen then counts as zero
            even where it overflows.
    Returns:
        `(R, N, O)`.
    """
    chosen, weights = activations.operators, activations.pointers * constants.gains[..., None]
    offsets = constants.offsets[..., None]  # (R, M, 2, 1)
    replicas, slots, _ = chosen.shape
    columns = inputs.mT.expand(replicas, inputs.shape[-1], inputs.shape[-2])
    values = torch.cat([columns, torch.ones_like(columns[:, :1])], dim=1)  # (R, D + 1, N)
    rejected = (chosen == 0)[..., None]  # (R, M, S, 1)
    for slot in range(slots):  # a slot needs those before it
        reach = values.shape[1]
        operands = torch.baddbmm(offsets[:, slot], weights[:, slot, :, :reach], values)
        left, right = operands.unbind(1)  # (R, N) each
        results = torch.stack(
            [f(left) if f.arity == 1 else f(left, right) for f in operators], dim=1
        )  # (R, S, N)
        if made:
            results = results.masked_fill(rejected[:, slot], 0)
        values = torch.cat([values, chosen[:, slot, None] @ results], dim=1)
    return (constants.readout @ values).mT
