"""Which of the symbols and pairs that no example shows are forbidden."""

from dataclasses import dataclass

from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield.learning.wiring import Counts, Wiring

__all__ = ["HardZeros"]


@dataclass(frozen=True)
class HardZeros:
    r"""Forbid what was never seen, where it should have been if slots were independent.

    A pair of symbols is expected :math:`n \sum_e p_{g_e}(s)\, p_{h_e}(t)` times, summed over the
    edges of its kind, with the frequencies p of symbols in slots; a symbol is expected in the
    slots of a kind as often as it is in all slots on average. With Poisson counts, a pair that
    nothing forbids stays unseen with probability :math:`e^{-\text{expected}}`.

    Arguments:
        expected: The least expected count at which what was not seen is forbidden; 0 forbids
            whatever was not seen.
    Raises:
        ConfigurationError: If `expected` is negative.
    """

    expected: float = 0.0

    def __post_init__(self) -> None:
        if not self.expected >= 0:
            raise ConfigurationError(f"expected must be at least 0, but is {self.expected}")

    def forbidden(self, counts: Counts, wiring: Wiring) -> tuple[Tensor, Tensor]:
        """Masks of the symbols `(K, S)` and pairs `(K', S, S)` to forbid, for each kind.

        A pair with a forbidden symbol is not counted among the forbidden pairs if that symbol is
        forbidden wherever the pair could stand.
        """
        frequency = counts.singles / counts.number
        usual = counts.singles.mean(0, keepdim=True).expand_as(counts.singles)
        first, second = frequency[wiring.edges[:, 0]], frequency[wiring.edges[:, 1]]
        together = counts.number * first[:, :, None] * second[:, None, :]
        singles, pairs = wiring.pooled(counts.singles, counts.pairs)
        wanted_singles, wanted_pairs = wiring.pooled(usual, together)
        dead_singles = (singles == 0) & (wanted_singles >= self.expected)
        dead_pairs = (pairs == 0) & (wanted_pairs >= self.expected)
        alive = (~dead_singles[wiring.slot_kinds]).double()
        open_first, open_second = alive[wiring.edges[:, 0]], alive[wiring.edges[:, 1]]
        possible = wiring.pooled(alive, open_first[:, :, None] * open_second[:, None, :])[1] > 0
        return dead_singles, dead_pairs & possible
