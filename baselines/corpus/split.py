"""An honest split: which equations no network may be trained on, whatever the corpus."""

import hashlib

import torch
from torch import Tensor

from baselines.languages import Equations, Language
from esr.errors import ConfigurationError

__all__ = ["held_out"]

BITS = 53


def held_out(language: Language, equations: Equations, share: float = 0.1) -> Tensor:
    """Which equations are for tests only: about a share of each skeleton's.

    It depends on nothing but the equation's skeleton and numbers, so that it is the same in every
    corpus, whatever its seed or size, and an equation that comes twice is on one side only. What
    is held out with a small share is held out with a larger one.

    Arguments:
        language: The equations' own.
        equations: M equations.
        share: Above 0 and below 1.
    Returns:
        Bool `(M,)`; false where the skeleton is -1.
    Raises:
        ConfigurationError: If the share is out of range.
    Source: The mixing of bits is the variant of Stafford used by Steele, Lea and Flood (2014),
        "Fast splittable pseudorandom number generators".
    """
    if not 0 < share < 1:
        raise ConfigurationError(f"the share held out must be above 0 and below 1, not {share!r}")
    device = equations.skeletons.device
    names = [hashlib.sha256(skeleton.text.encode()).digest() for skeleton in language.skeletons]
    begin = torch.tensor([int.from_bytes(name[:8], "big", signed=True) for name in names])
    state = begin.to(device)[equations.skeletons.clamp_min(0)]
    for steps in equations.steps.T:
        state = torch.where(steps == 0, state, _mixed(state + steps * _signed(0x9E3779B97F4A7C15)))
    place = _shifted(state, 64 - BITS)  # uniform from 0 to 2**BITS - 1
    return (place < int(share * 2**BITS)) & (equations.skeletons >= 0)


def _mixed(state: Tensor) -> Tensor:
    """Every bit made to depend on every other, int64, modulo 2**64."""
    state = (state ^ _shifted(state, 30)) * _signed(0xBF58476D1CE4E5B9)
    state = (state ^ _shifted(state, 27)) * _signed(0x94D049BB133111EB)
    return state ^ _shifted(state, 31)


def _shifted(state: Tensor, places: int) -> Tensor:
    """Bits moved right with zeros coming in."""
    return (state >> places) & ((1 << (64 - places)) - 1)


def _signed(number: int) -> int:
    """The signed integer of the same 64 bits."""
    return number - (1 << 64) if number >> 63 else number
