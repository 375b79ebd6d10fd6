"""Repertoires: which kinds of units each replica may use."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.eql.units import UnitGroup
from esr.errors import ConfigurationError, suggestion

__all__ = ["allowed_weights"]


def allowed_weights(
    repertoires: Sequence[Sequence[str]],
    hidden: Sequence[Sequence[UnitGroup]],
    in_features: int,
    out_features: int,
    replicas: int,
) -> list[Tensor]:
    """Where each replica may have weights, so that it uses only the units in its repertoire.

    Arguments:
        repertoires: Names of primitives, for the replicas in turn; `identity` is always allowed
            and an empty repertoire allows every unit.
        hidden: The unit groups of each hidden layer.
        in_features: Number of inputs.
        out_features: Number of outputs.
        replicas: Number of replicas R.
    Returns:
        For each linear layer a tensor `(R, out, in + 1)` of ones and zeros.
    Raises:
        ConfigurationError: If a name is not that of a unit of any layer.
    """
    names = sorted({group.primitive.name for groups in hidden for group in groups})
    for repertoire in repertoires:
        for name in repertoire:
            if name not in names:
                raise ConfigurationError(
                    f"a repertoire names '{name}', but no layer has such units; "
                    f"{suggestion(name, names)}"
                )
    turns = [set(repertoires[r % len(repertoires)]) for r in range(replicas)]
    columns = torch.ones(replicas, in_features)
    allowed: list[Tensor] = []
    for groups in hidden:
        uses = torch.tensor([[_may_use(turn, group) for group in groups] for turn in turns])
        operands = torch.tensor([group.operands for group in groups])
        counts = torch.tensor([group.count for group in groups])
        rows = uses.float().repeat_interleave(operands, dim=1)  # (R, G)
        allowed.append(_joined(rows, columns))
        columns = uses.float().repeat_interleave(counts, dim=1)  # (R, H)
    allowed.append(_joined(torch.ones(replicas, out_features), columns))
    return allowed


def _may_use(repertoire: set[str], group: UnitGroup) -> bool:
    name = group.primitive.name
    return not repertoire or name == "identity" or name in repertoire


def _joined(rows: Tensor, columns: Tensor) -> Tensor:
    """Where row and column are both allowed; the bias column goes by its row, `(R, out, in+1)`."""
    with_bias = torch.cat([columns, torch.ones_like(columns[:, :1])], dim=1)
    return rows[:, :, None] * with_bias[:, None, :]
