"""Attention among the tokens of a sequence, and of its tokens to a memory, with replicas.

Tokens of several sequences lie side by side in one dimension N, as `Span` says, so that all that
treats tokens one by one is a single product however long the sequences are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from baselines.linear import ReplicaLinear

__all__ = ["CrossAttention", "KeysValues", "SelfAttention", "Span"]


class Span(NamedTuple):
    """Neighbouring sequences of one length, whose tokens lie side by side.

    Arguments:
        rows: Number of sequences.
        length: Tokens of each.
    """

    rows: int
    length: int


class KeysValues(NamedTuple):
    """What is attended to, by replica and sequence.

    Arguments:
        keys: `(R, B, h, m, d / h)`.
        values: `(R, B, h, m, d / h)`.
    """

    keys: Tensor
    values: Tensor

    def followed_by(self, other: "KeysValues") -> "KeysValues":
        """These and others behind them."""
        keys = torch.cat([self.keys, other.keys], 3)
        return KeysValues(keys, torch.cat([self.values, other.values], 3))

    def picked(self, rows: Tensor) -> "KeysValues":
        """Those of other sequences: `rows` of the same replica, int64 `(R, B')`."""
        replica = torch.arange(len(rows), device=rows.device)[:, None]
        return KeysValues(self.keys[replica, rows], self.values[replica, rows])


def attended(queries: Tensor, among: KeysValues, causal: bool) -> Tensor:
    """Softmax attention, `(R, B, L, d)`, of queries `(R, B, h, L, d / h)`.

    Source: Vaswani et al. (2017), eq. 1, https://arxiv.org/abs/1706.03762.
    """
    replicas, rows = queries.shape[:2]
    mixed = functional.scaled_dot_product_attention(
        queries.flatten(0, 1),
        among.keys.flatten(0, 1),
        among.values.flatten(0, 1),
        is_causal=causal,
    )
    return mixed.transpose(1, 2).flatten(2).view(replicas, rows, queries.shape[3], -1)


class SelfAttention(nn.Module):
    """Attention of the tokens of each sequence to one another.

    Arguments:
        width: Features d.
        heads: Number of heads h.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw.
    """

    def __init__(
        self, width: int, heads: int, replicas: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.heads = heads
        self.project = ReplicaLinear(width, 3 * width, replicas, generator=generator)
        self.combine = ReplicaLinear(width, width, replicas, generator=generator)

    def forward(self, features: Tensor, spans: Sequence[Span], causal: bool) -> Tensor:
        """Messages to tokens.

        Arguments:
            features: Tokens, `(R, N, d)`.
            spans: How they make up sequences.
            causal: Whether a token sees only itself and those before it.
        Returns:
            `(R, N, d)`.
        """
        projected = torch.split(
            self.project(features), [rows * length for rows, length in spans], 1
        )
        messages = []
        for part, span in zip(projected, spans, strict=True):
            queries, own = self._split(part, span)
            messages.append(attended(queries, own, causal).flatten(1, 2))
        combined: Tensor = self.combine(_joined(messages))
        return combined

    def step(self, features: Tensor, past: KeysValues | None) -> tuple[Tensor, KeysValues]:
        """Messages `(R, B, d)` to the last token of each sequence, `(R, B, d)`, and the keys and
        values so far."""
        queries, own = self._split(self.project(features), Span(features.shape[1], 1))
        if past is not None:
            own = past.followed_by(own)
        return self.combine(attended(queries, own, False).flatten(1, 2)), own

    def _split(self, projected: Tensor, span: Span) -> tuple[Tensor, KeysValues]:
        """Queries, and keys and values, of one span."""
        parts = projected.view(len(projected), *span, 3, self.heads, -1).unbind(3)
        queries, keys, values = (part.transpose(2, 3) for part in parts)  # (R, B, h, L, d / h)
        return queries, KeysValues(keys, values)


class CrossAttention(nn.Module):
    """Attention of tokens to the memory of their sequence.

    Arguments:
        width: Features d.
        heads: Number of heads h.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw.
    """

    def __init__(
        self, width: int, heads: int, replicas: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.heads = heads
        self.ask = ReplicaLinear(width, width, replicas, generator=generator)
        self.project = ReplicaLinear(width, 2 * width, replicas, generator=generator)
        self.combine = ReplicaLinear(width, width, replicas, generator=generator)

    def remember(self, memory: Tensor) -> KeysValues:
        """Keys and values of a memory `(R, B, m, d)`."""
        projected = self.project(memory.flatten(1, 2))
        keys, values = projected.view(*memory.shape[:3], 2, self.heads, -1).unbind(3)
        return KeysValues(keys.transpose(2, 3), values.transpose(2, 3))

    def forward(self, features: Tensor, spans: Sequence[Span], memory: KeysValues) -> Tensor:
        """Messages `(R, N, d)` to tokens `(R, N, d)` from the memories of their sequences."""
        asked = torch.split(self.ask(features), [rows * length for rows, length in spans], 1)
        keys, values = (torch.split(part, [span.rows for span in spans], 1) for part in memory)
        messages = []
        for part, span, *own in zip(asked, spans, keys, values, strict=True):
            queries = part.view(len(part), *span, self.heads, -1).transpose(2, 3)
            messages.append(attended(queries, KeysValues(*own), False).flatten(1, 2))
        combined: Tensor = self.combine(_joined(messages))
        return combined


def _joined(messages: list[Tensor]) -> Tensor:
    return messages[0] if len(messages) == 1 else torch.cat(messages, 1)
