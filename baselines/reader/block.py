"""Blocks of a transformer that normalise before each part, with replicas."""

from collections.abc import Sequence

from torch import Generator, Tensor, nn
from torch.nn import functional

from baselines.linear import ReplicaLinear
from baselines.reader.attention import CrossAttention, KeysValues, SelfAttention, Span
from baselines.reader.layer_norm import ReplicaLayerNorm
from baselines.reader.size import ReaderSize

__all__ = ["ReadingBlock", "WritingBlock"]


class Dense(nn.Module):
    """Normalisation and two dense layers with GELU between them.

    Arguments:
        size: Width and expansion.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw.
    """

    def __init__(
        self, size: ReaderSize, replicas: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        wide = size.expansion * size.width
        self.norm = ReplicaLayerNorm(size.width, replicas)
        self.widen = ReplicaLinear(size.width, wide, replicas, generator=generator)
        self.narrow = ReplicaLinear(wide, size.width, replicas, generator=generator)

    def forward(self, features: Tensor) -> Tensor:
        """What is to be added to features `(R, N, d)`."""
        added: Tensor = self.narrow(functional.gelu(self.widen(self.norm(features))))
        return added


class ReadingBlock(nn.Module):
    """Self-attention and a dense part, each added to the features.

    Arguments:
        size: Width, heads and expansion.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw.
    Source: Xiong et al. (2020), https://arxiv.org/abs/2002.04745, for normalising before.
    """

    def __init__(
        self, size: ReaderSize, replicas: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.norm = ReplicaLayerNorm(size.width, replicas)
        self.attention = SelfAttention(size.width, size.heads, replicas, generator=generator)
        self.dense = Dense(size, replicas, generator=generator)

    def forward(self, features: Tensor, spans: Sequence[Span]) -> Tensor:
        """Features `(R, N, d)` of tokens that make up sequences as `spans` say."""
        features = features + self.attention(self.norm(features), spans, causal=False)
        added: Tensor = self.dense(features)
        return features + added


class WritingBlock(nn.Module):
    """Causal self-attention, attention to a memory and a dense part, each added.

    Arguments:
        size: Width, heads and expansion.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw.
    """

    def __init__(
        self, size: ReaderSize, replicas: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        width, heads = size.width, size.heads
        self.norm = ReplicaLayerNorm(width, replicas)
        self.attention = SelfAttention(width, heads, replicas, generator=generator)
        self.memory_norm = ReplicaLayerNorm(width, replicas)
        self.memory_attention = CrossAttention(width, heads, replicas, generator=generator)
        self.dense = Dense(size, replicas, generator=generator)

    def forward(self, features: Tensor, spans: Sequence[Span], memory: Tensor) -> Tensor:
        """Features `(R, N, d)` of tokens whose sequences have memories `(R, B, m, d)`."""
        features = features + self.attention(self.norm(features), spans, causal=True)
        remembered = self.memory_attention.remember(memory)
        return self._finish(features, spans, remembered)

    def remember(self, memory: Tensor) -> KeysValues:
        """Keys and values of memories `(R, B, m, d)`, for `step`."""
        return self.memory_attention.remember(memory)

    def step(
        self, features: Tensor, past: KeysValues | None, memory: KeysValues
    ) -> tuple[Tensor, KeysValues]:
        """Features `(R, B, d)` of the last tokens, and keys and values of all so far."""
        message, past = self.attention.step(self.norm(features), past)
        spans = [Span(features.shape[1], 1)]
        return self._finish(features + message, spans, memory), past

    def _finish(self, features: Tensor, spans: Sequence[Span], memory: KeysValues) -> Tensor:
        features = features + self.memory_attention(self.memory_norm(features), spans, memory)
        added: Tensor = self.dense(features)
        return features + added
