"""Q as spectrum tools see it: a symmetric operator known by its products."""

from torch import Tensor

from esr.hopfield.couplings import Couplings

__all__ = ["CouplingOperator"]


class CouplingOperator:
    """The structured Q of couplings, never written out.

    Arguments:
        couplings: Whose pairs it is; orders one and above two are no part of Q.
    """

    def __init__(self, couplings: Couplings) -> None:
        self._couplings = couplings

    @property
    def size(self) -> int:
        """Number of neurons n."""
        return self._couplings.grid.size

    def apply(self, vectors: Tensor) -> Tensor:
        """Q times each row of `(B, n)`, `(B, n)`."""
        grid = self._couplings.grid
        states = vectors.view(-1, grid.slots, grid.symbols)
        return self._couplings.product(states).flatten(1)
