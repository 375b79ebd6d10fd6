"""Which token may follow: the grammar of a finite set of skeletons as one table."""

from collections.abc import Sequence

import torch
from torch import Tensor

from baselines.languages.number import Number
from baselines.languages.skeleton import Piece
from baselines.languages.vocabulary import DIGITS, Vocabulary
from esr.errors import ConfigurationError

__all__ = ["Automaton"]

_CONFLICT = (
    "two skeletons of the language cannot be told apart by their characters; give their terms "
    "different beginnings"
)


class Automaton:
    """A deterministic automaton that accepts exactly the equations of a language.

    State 0 is the beginning, state 1 is after the end, where only padding follows.

    Arguments:
        skeletons: Each a sequence of symbols and numbers.
        vocabulary: The tokens.
    Raises:
        ConfigurationError: If two skeletons cannot be told apart while they are read.
    """

    def __init__(self, skeletons: Sequence[Sequence[Piece]], vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._edges: list[dict[int, int]] = [{}, {Vocabulary.PAD: 1}]
        self._numbers: list[dict[Number, int]] = [{}, {}]
        self._after_number: set[int] = set()
        accepted: dict[int, int] = {}
        for index, skeleton in enumerate(skeletons):
            state = 0
            for piece in skeleton:
                state = self._after(state, piece)
            if state in accepted:
                raise ConfigurationError(f"skeletons {accepted[state]} and {index} are the same")
            accepted[state] = index
            self._edges[state][Vocabulary.END] = 1
        self.next = torch.full((len(self._edges), len(vocabulary)), -1)
        """The state after a token, -1 where it may not follow, int64 `(states, V)`."""
        for state, edges in enumerate(self._edges):
            for token, target in edges.items():
                self.next[state, token] = target
        self.accepted = torch.full((len(self._edges),), -1)
        """The skeleton that may end in a state, or -1, int64 `(states,)`."""
        for state, index in accepted.items():
            self.accepted[state] = index

    def run(self, tokens: Tensor) -> Tensor:
        """The skeleton of each text, -1 where it is none, int64 `(M,)`.

        Arguments:
            tokens: `(M, T)`; each has to end with the end token, then padding.
        """
        table, accepted = self.next.to(tokens.device), self.accepted.to(tokens.device)
        state = tokens.new_zeros(tokens.shape[0])
        found = torch.full_like(state, -1)
        for place in range(tokens.shape[1]):
            token = tokens[:, place]
            ends = (token == Vocabulary.END) & (state >= 0)
            found = torch.where(ends, accepted[state.clamp_min(0)], found)
            state = torch.where(state >= 0, table[state.clamp_min(0), token], -1)
        return torch.where(state == 1, found, -1)

    def _after(self, state: int, piece: Piece) -> int:
        """The state after a piece, made if there is none."""
        if isinstance(piece, str):
            return self._step(state, self._vocabulary.index(piece))
        if piece not in self._numbers[state]:
            target = self._new()
            self._after_number.add(target)
            for text in piece.all_texts():
                inside = state
                for character in text[:-1]:
                    inside = self._step(inside, self._token(character))
                self._link(inside, self._token(text[-1]), target)
            self._numbers[state][piece] = target
        return self._numbers[state][piece]

    def _step(self, state: int, token: int) -> int:
        """The state after one token that does not end a number, made if there is none."""
        if token not in self._edges[state]:
            self._edges[state][token] = self._new()
        target = self._edges[state][token]
        if target in self._after_number:  # others lead there that may not go on like this
            raise ConfigurationError(_CONFLICT)
        return target

    def _link(self, state: int, token: int, target: int) -> None:
        if self._edges[state].setdefault(token, target) != target:
            raise ConfigurationError(_CONFLICT)

    def _new(self) -> int:
        self._edges.append({})
        self._numbers.append({})
        return len(self._edges) - 1

    def _token(self, character: str) -> int:
        vocabulary = self._vocabulary
        if character in DIGITS:
            return vocabulary.zero + int(character)
        return vocabulary.index(character)
