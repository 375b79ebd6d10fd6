"""The tokens equations are written with."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from esr.errors import ConfigurationError, DataError, suggestion

__all__ = ["DIGITS", "Vocabulary"]

DIGITS = "0123456789"


class Vocabulary:
    """Tokens: four special ones, the ten digits, and what else equations are made of.

    Arguments:
        symbols: The tokens that are neither special nor digits, such as `*`, `x` and `sin`;
            no two may begin alike, so that a text has one reading.
    Raises:
        ConfigurationError: If a symbol is empty, a digit, given twice or the beginning of another.
    """

    PAD, START, END, UNKNOWN = range(4)
    """The special tokens: after the end, before the beginning, the end, anything else."""
    SPECIALS = ("<pad>", "<start>", "<end>", "<unknown>")

    def __init__(self, symbols: Sequence[str]) -> None:
        written = [*DIGITS, *symbols]
        for index, symbol in enumerate(written):
            others = written[:index] + written[index + 1 :]
            if not symbol or any(other.startswith(symbol) for other in others):
                raise ConfigurationError(
                    f"symbols must not be empty, digits, or beginnings of each other, but "
                    f"{symbol!r} is; got {list(symbols)}"
                )
        self.tokens = (*self.SPECIALS, *written)
        self._index = {token: index for index, token in enumerate(self.tokens)}

    def __len__(self) -> int:
        """Number of tokens V."""
        return len(self.tokens)

    def index(self, symbol: str) -> int:
        """The number of a symbol.

        Raises:
            DataError: If there is none of that name.
        """
        if symbol not in self._index:
            raise DataError(f"no token {symbol!r}; {suggestion(symbol, self.tokens)}")
        return self._index[symbol]

    @property
    def zero(self) -> int:
        """The number of the digit 0; the other digits follow."""
        return self._index["0"]

    def split(self, text: str) -> list[str]:
        """The symbols of a text.

        Raises:
            DataError: If something in it is no symbol.
        """
        found, rest = [], text
        while rest:
            symbol = next((t for t in self.tokens[4:] if rest.startswith(t)), None)
            if symbol is None:
                raise DataError(f"cannot read {text!r} at {rest!r}: symbols are {self.tokens[4:]}")
            found.append(symbol)
            rest = rest[len(symbol) :]
        return found

    def encode(self, symbols: Iterable[str]) -> Tensor:
        """Tokens of symbols, int64 `(n,)`."""
        return torch.tensor([self.index(symbol) for symbol in symbols], dtype=torch.long)

    def text(self, tokens: Tensor) -> str:
        """What tokens `(n,)` say up to the first end or padding; special ones by name."""
        said = []
        for token in tokens.tolist():
            if token in (self.END, self.PAD):
                break
            said.append(self.tokens[token])
        return "".join(said)
