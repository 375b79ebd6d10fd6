"""Beginnings of equations with the keys and values of all that was written so far."""

from collections.abc import Sequence

from torch import Tensor

from baselines.reader.attention import KeysValues
from baselines.reader.decoder import Decoder
from esr.errors import DataError

__all__ = ["CachedPrefixes"]


class CachedPrefixes:
    """Implements `Prefixes`: each token passes through the decoder once.

    Arguments:
        decoder: Scores next tokens.
        memory: Keys and values of the networks' memories, one for each block.
        past: Keys and values of the tokens so far, one for each block; none yet unless given.
        length: Number of tokens so far.
    """

    def __init__(
        self,
        decoder: Decoder,
        memory: Sequence[KeysValues],
        past: Sequence[KeysValues | None] | None = None,
        length: int = 0,
    ) -> None:
        self._decoder, self._memory, self._length = decoder, memory, length
        self._past = past if past is not None else [None] * len(memory)

    def scores(self, tokens: Tensor) -> Tensor:
        """Append a token to each beginning and judge what may come next.

        Arguments:
            tokens: int64 `(R, B)`; the start token at first.
        Returns:
            Logarithms of probabilities of the next token, `(R, B, V)`.
        Raises:
            DataError: If the beginnings are as long as an equation can be.
        """
        if self._length == self._decoder.places:
            raise DataError(
                f"beginnings have at most {self._decoder.places} tokens with the start token, "
                f"and these have them: stop when equations end"
            )
        scores, self._past = self._decoder.step(tokens, self._length, self._past, self._memory)
        self._length += 1
        return scores.log_softmax(2)

    def picked(self, rows: Tensor) -> "CachedPrefixes":
        """The beginnings of other rows, each as often as named: a beam's survivors.

        Arguments:
            rows: Index of a beginning of the same replica, int64 `(R, B')`.
        """
        past = [None if one is None else one.picked(rows) for one in self._past]
        memory = [one.picked(rows) for one in self._memory]
        return CachedPrefixes(self._decoder, memory, past, self._length)
