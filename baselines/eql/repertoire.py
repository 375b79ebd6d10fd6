"""Repertoires: which kinds of units each replica may use."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.eql.units import UnitGroup
from esr.errors import ConfigurationError, suggestion

__all__ = ["Repertoire", "allowed_weights"]

Repertoire = Sequence[str] | Sequence[Sequence[str]]
"""Names of primitives, the same for each hidden layer or a list for each. An empty list allows
every unit, and `identity` is always allowed."""


def allowed_weights(
    repertoires: Sequence[Repertoire],
    hidden: Sequence[Sequence[UnitGroup]],
    in_features: int,
    out_features: int,
    replicas: int,
) -> list[Tensor]:
    """Where each replica may have weights, so that it uses only the units in its repertoire.

    Arguments:
        repertoires: For the replicas in turn.
        hidden: The unit groups of each hidden layer.
        in_features: Number of inputs.
        out_features: Number of outputs.
        replicas: Number of replicas R.
    Returns:
        For each linear layer a tensor `(R, out, in + 1)` of ones and zeros.
    Raises:
        ConfigurationError: If a name is not that of a unit of its layer, or a repertoire has not
            one list for each layer.
    """
    layered = [_layered(repertoire, hidden) for repertoire in repertoires]
    turns = [layered[replica % len(layered)] for replica in range(replicas)]
    columns = torch.ones(replicas, in_features)
    allowed: list[Tensor] = []
    for depth, groups in enumerate(hidden):
        uses = torch.tensor([[_may_use(turn[depth], group) for group in groups] for turn in turns])
        operands = torch.tensor([group.operands for group in groups])
        counts = torch.tensor([group.count for group in groups])
        rows = uses.float().repeat_interleave(operands, dim=1)  # (R, G)
        allowed.append(_joined(rows, columns))
        columns = uses.float().repeat_interleave(counts, dim=1)  # (R, H)
    allowed.append(_joined(torch.ones(replicas, out_features), columns))
    return allowed


def _layered(repertoire: Repertoire, hidden: Sequence[Sequence[UnitGroup]]) -> list[Sequence[str]]:
    """One list of names for each hidden layer, checked."""
    names = [entry for entry in repertoire if isinstance(entry, str)]
    lists = [entry for entry in repertoire if not isinstance(entry, str)]
    mixed = len(names) > 0 and len(lists) > 0
    lists = lists or [names] * len(hidden)
    if mixed or len(lists) != len(hidden):
        raise ConfigurationError(
            f"a repertoire must be a list of names, or one for each of the {len(hidden)} hidden "
            f"layers, but is {list(repertoire)}"
        )
    for wanted, groups in zip(lists, hidden, strict=True):
        known = sorted({group.primitive.name for group in groups})
        for name in wanted:
            if name not in known:
                raise ConfigurationError(
                    f"a repertoire names '{name}', but its layer has no such units; "
                    f"{suggestion(name, known)}"
                )
    return lists


def _may_use(repertoire: Sequence[str], group: UnitGroup) -> bool:
    name = group.primitive.name
    return not repertoire or name == "identity" or name in repertoire


def _joined(rows: Tensor, columns: Tensor) -> Tensor:
    """Where row and column are both allowed; the bias column goes by its row, `(R, out, in+1)`."""
    with_bias = torch.cat([columns, torch.ones_like(columns[:, :1])], dim=1)
    return rows[:, :, None] * with_bias[:, None, :]
