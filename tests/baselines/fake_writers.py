"""Writers without training: scores from a small recurrence or straight from a table."""

from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.languages import Language, Vocabulary


@dataclass
class RecurrentPrefixes:
    """A state for each beginning, stirred by each token."""

    writer: "RecurrentWriter"
    state: Tensor  # (R, n, h)

    def scores(self, tokens: Tensor) -> Tensor:
        chosen = torch.stack(
            [part[row] for part, row in zip(self.writer.inputs, tokens, strict=True)]
        )
        self.state = torch.sin(torch.bmm(self.state, self.writer.stir) + chosen)
        return torch.bmm(self.state, self.writer.outputs).log_softmax(-1)

    def picked(self, rows: Tensor) -> "RecurrentPrefixes":
        wide = rows[..., None].expand(-1, -1, self.state.shape[-1])
        return RecurrentPrefixes(self.writer, self.state.gather(1, wide))


class RecurrentWriter:
    """Random weights of its own for each replica; every beginning has other scores."""

    def __init__(self, language: Language, replicas: int = 1, seed: int = 0) -> None:
        self.replicas, size, hidden = replicas, len(language.vocabulary), 6
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(replicas, *shape, generator=generator, dtype=torch.float64)

        self.inputs, self.stir = normal(size, hidden), normal(hidden, hidden)
        self.outputs = 1.5 * normal(hidden, size)

    def begin(self, weights: Tensor) -> RecurrentPrefixes:
        wanted = torch.arange(1, 7, dtype=torch.float64)
        state = torch.sin(weights.double().sum(1, keepdim=True) * wanted)
        return RecurrentPrefixes(self, state.expand(self.replicas, -1, -1))


@dataclass
class TablePrefixes:
    """Scores by position and the token before, whatever the network."""

    table: Tensor  # (T, V, V): position, token before, next token
    rows: tuple[int, int]
    place: int = 0

    def scores(self, tokens: Tensor) -> Tensor:
        found = self.table[self.place, tokens]
        self.place += 1
        return found

    def picked(self, rows: Tensor) -> "TablePrefixes":
        return TablePrefixes(self.table, (rows.shape[0], rows.shape[1]), self.place)


class TableWriter:
    """The same scores for every network: `(T, V, V)` by position and the token before."""

    replicas = 1

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def begin(self, weights: Tensor) -> TablePrefixes:
        return TablePrefixes(self.table, (1, len(weights)))


def writes(language: Language, text: str, sure: float = 20.0) -> TableWriter:
    """A writer that wants one text, by so much."""
    size = len(language.vocabulary)
    table = torch.zeros(language.tokens, size, size)
    symbols = [*language.vocabulary.split(text), "<end>"]
    wanted = [language.vocabulary.index(symbol) for symbol in symbols]
    wanted += [Vocabulary.PAD] * (language.tokens - len(wanted))
    for place, token in enumerate(wanted):
        table[place, :, token] = sure
    return TableWriter(table)
