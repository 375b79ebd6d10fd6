"""How large a reader is."""

from dataclasses import dataclass

from esr.errors import ConfigurationError

__all__ = ["ReaderSize"]


@dataclass(frozen=True)
class ReaderSize:
    """Sizes of the transformer that writes.

    Arguments:
        width: Features d of a token, a multiple of `heads`.
        layers: Number of blocks.
        heads: Number of heads of each attention.
        expansion: Width of a block's dense part in units of d.
    Raises:
        ConfigurationError: If a size is not positive or heads do not divide the width.
    """

    width: int = 64
    layers: int = 2
    heads: int = 4
    expansion: int = 4

    def __post_init__(self) -> None:
        sizes = (self.width, self.layers, self.heads, self.expansion)
        if min(sizes) < 1 or self.width % self.heads:
            raise ConfigurationError(
                f"a reader needs positive sizes and a width that is a multiple of its heads, "
                f"but got {self}"
            )
