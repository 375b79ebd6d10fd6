"""The transformer that writes: from a memory and the tokens so far to the next token."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Generator, Tensor, nn

from baselines.linear import ReplicaLinear
from baselines.reader.attention import KeysValues, Span
from baselines.reader.block import WritingBlock
from baselines.reader.embedding import ReplicaEmbedding
from baselines.reader.layer_norm import ReplicaLayerNorm
from baselines.reader.size import ReaderSize

__all__ = ["Decoder"]


class Decoder(nn.Module):
    """Scores of the next token at every place of sequences that start with the start token.

    Arguments:
        vocabulary: Number of tokens V.
        places: Most tokens T of a sequence.
        size: Width, layers and heads.
        replicas: Number of parallel copies R.
        generator: Feeds the initial draw.
    """

    def __init__(
        self,
        vocabulary: int,
        places: int,
        size: ReaderSize,
        replicas: int,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.places = places
        self.tokens = ReplicaEmbedding(vocabulary, size.width, replicas, generator=generator)
        self.positions = ReplicaEmbedding(places, size.width, replicas, 0.1, generator=generator)
        self.blocks = nn.ModuleList(
            WritingBlock(size, replicas, generator=generator) for _ in range(size.layers)
        )
        self.norm = ReplicaLayerNorm(size.width, replicas)
        self.scores = ReplicaLinear(size.width, vocabulary, replicas, generator=generator)

    def forward(self, tokens: Tensor, spans: Sequence[Span], memory: Tensor) -> Tensor:
        """Unnormalised scores of what follows each token.

        Arguments:
            tokens: The start token and what follows, without the last token, int64 `(N,)`, in
                the order of `spans`.
            spans: How they make up B sequences.
            memory: Of each sequence, `(R, B, m, d)`.
        Returns:
            `(R, N, V)`.
        """
        features = self.tokens(tokens) + self._positions(spans)
        for block in self._blocks():
            features = block(features, spans, memory)
        scores: Tensor = self.scores(self.norm(features))
        return scores

    def remember(self, memory: Tensor) -> list[KeysValues]:
        """Keys and values of a memory `(R, B, m, d)` for each block."""
        return [block.remember(memory) for block in self._blocks()]

    def step(
        self,
        tokens: Tensor,
        place: int,
        past: Sequence[KeysValues | None],
        memory: Sequence[KeysValues],
    ) -> tuple[Tensor, list[KeysValues]]:
        """Scores `(R, B, V)` of what follows the tokens `(R, B)` at one place, and the keys and
        values of each block so far."""
        features = self.tokens(tokens) + self.positions.value[:, place : place + 1]
        now = []
        for block, before, remembered in zip(self._blocks(), past, memory, strict=True):
            features, after = block.step(features, before, remembered)
            now.append(after)
        return self.scores(self.norm(features)), now

    def _blocks(self) -> Iterable[WritingBlock]:
        return cast("Iterable[WritingBlock]", self.blocks)

    def _positions(self, spans: Sequence[Span]) -> Tensor:
        """What tokens get for their place, `(R, N, d)`."""
        all_places = self.positions.value[:, None]  # (R, 1, T, d)
        parts = [all_places[:, :, :length].expand(-1, rows, -1, -1) for rows, length in spans]
        return torch.cat([part.flatten(1, 2) for part in parts], 1)
