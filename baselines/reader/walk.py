"""Beginnings of equations that grow token by token and never leave a grammar."""

import torch
from torch import Tensor
from torch.nn import functional

from baselines.languages import Language, Vocabulary
from baselines.reader.contract import Prefixes
from esr.errors import DataError

__all__ = ["Walk", "free_table", "grammar_table"]

_ENDED = 1
"""The state after the end, as in `Automaton`."""
_LEAST = -1e30
"""What a score of minus infinity counts as, so that some token can always follow."""


def grammar_table(language: Language) -> Tensor:
    """The state after each token, -1 where it may not follow, int64 `(states, V)`."""
    return language.automaton.next


def free_table(language: Language) -> Tensor:
    """As `grammar_table` where any token may follow until the end, int64 `(2, V)`."""
    size = len(language.vocabulary)
    table = torch.stack([torch.zeros(size), torch.full((size,), -1.0)]).long()
    table[0, Vocabulary.END] = table[_ENDED, Vocabulary.PAD] = _ENDED
    return table


class Walk:
    """n beginnings in each of R replicas: what they say, where in the grammar they are, and how
    probable they are.

    A beginning that has ended goes on with padding, which is certain. One whose scores are not
    numbers is lost: its log-probability stays minus infinity.

    Arguments:
        prefixes: Empty beginnings of a writer.
        table: The state after each token, -1 where it may not follow, int64 `(states, V)`.
        replicas: Number R.
        count: Number n.
    """

    def __init__(self, prefixes: Prefixes, table: Tensor, replicas: int, count: int) -> None:
        self._prefixes, self._table = prefixes, table
        self._state = table.new_zeros(replicas, count)
        self._last = torch.full_like(self._state, Vocabulary.START)
        self.tokens = table.new_zeros(replicas, count, 0)
        """What has been written, int64 `(R, n, t)`."""
        self.log_probabilities = torch.zeros_like(self._state, dtype=torch.float32)
        """Of what has been written, among all that the grammar allows, `(R, n)`."""

    def judged(self) -> Tensor:
        """Log-probability of each next token among those that may follow, `(R, n, V)`.

        Raises:
            DataError: If the writer knows another number of tokens.
        """
        scores = self._prefixes.scores(self._last)
        tokens = self._table.shape[1]
        if scores.shape[-1] != tokens:
            raise DataError(
                f"the writer must score the {tokens} tokens of the language, but scores "
                f"{scores.shape[-1]}; take the language it was trained on"
            )
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32)).clamp_min(_LEAST)
        scores = torch.where((self._state == _ENDED)[..., None], 0.0, scores)
        forbidden = self._table[self._state] < 0
        judged = functional.log_softmax(scores.masked_fill(forbidden, -torch.inf), -1)
        return torch.where(judged.isnan(), -torch.inf, judged)

    def grow(self, tokens: Tensor, log_probabilities: Tensor) -> None:
        """Append a token to each beginning.

        Arguments:
            tokens: int64 `(R, n)`.
            log_probabilities: Of the beginnings that this makes, `(R, n)`; minus infinity where
                the token may not follow, which ends the beginning.
        """
        state = self._table[self._state, tokens]
        self._state = torch.where(state < 0, _ENDED, state)
        self._last, self.log_probabilities = tokens, log_probabilities
        self.tokens = torch.cat([self.tokens, tokens[..., None]], -1)

    def pick(self, rows: Tensor) -> None:
        """Go on with other beginnings of the same replica, each as often as named.

        Arguments:
            rows: Their indices, int64 `(R, n')`.
        """
        self._prefixes = self._prefixes.picked(rows)
        self._state, self._last = self._state.gather(1, rows), self._last.gather(1, rows)
        self.log_probabilities = self.log_probabilities.gather(1, rows)
        self.tokens = self.tokens.gather(1, rows[..., None].expand(-1, -1, self.tokens.shape[2]))
