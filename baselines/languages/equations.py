"""Many equations of one language as tensors."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Equations"]


@dataclass(frozen=True)
class Equations:
    """M equations: which skeleton each has, and its numbers.

    Arguments:
        skeletons: Index of the skeleton in its language, int64 `(M,)`; -1 where a text was none.
        steps: Numbers in steps, int64 `(M, S)`, in the order of the text; zero where the
            skeleton has fewer than S.
    """

    skeletons: Tensor
    steps: Tensor

    def __len__(self) -> int:
        """Number of equations M."""
        return len(self.skeletons)

    def __getitem__(self, which: Tensor | slice) -> "Equations":
        """Some of them, by indices, a mask or a slice."""
        return Equations(self.skeletons[which], self.steps[which])

    def equal(self, other: "Equations") -> Tensor:
        """Where two lists hold the same equation, bool `(M,)`; what is none equals nothing."""
        same = (self.skeletons == other.skeletons) & (self.steps == other.steps).all(1)
        return same & (self.skeletons >= 0)
