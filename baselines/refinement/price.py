"""What an equation costs: its misfit, and more for each number it has."""

from torch import Tensor

from baselines.languages import Language

__all__ = ["GAIN", "prices"]

GAIN = 1.5
"""The factor by which each further number has to lessen the misfit."""


def prices(language: Language, skeletons: Tensor, misfits: Tensor, gain: float = GAIN) -> Tensor:
    r"""Prices by which equations of different length are compared, infinite where there is none.

    .. math:: m\,g^n

    Longer equations can follow a network's own errors; with a gain above 1 they have to earn their
    numbers.

    Arguments:
        language: Of the equations.
        skeletons: int64 `(*)`; -1 where there is none.
        misfits: Relative errors m between networks and equations, `(*)`.
        gain: The factor g, at least 1.
    """
    counts = language.counts.to(skeletons.device)[skeletons.clamp_min(0)]
    priced = misfits * gain ** counts.to(misfits)
    return priced.masked_fill((skeletons < 0) | priced.isnan(), float("inf"))
