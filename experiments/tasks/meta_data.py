"""Episodes of a family: functions drawn, and points of each to adapt to and to be judged by."""

from dataclasses import dataclass

import torch
from torch import Generator

from esr.errors import ConfigurationError
from esr.meta import Episodes, Family, Functions
from esr.models import Batch

__all__ = ["EpisodeSizes", "draw_episodes"]


@dataclass(frozen=True)
class EpisodeSizes:
    """How many functions, and how many points of each.

    Arguments:
        functions: Number of functions K, at least 1.
        support: Number of points N that an adaptation sees, at least 1.
        query: Number of points M that it is judged by, at least 1.
    Raises:
        ConfigurationError: If a number is below 1.
    """

    functions: int = 16
    support: int = 10
    query: int = 10

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigurationError(
                    f"task.episodes.{name} must be an integer of at least 1, but is {value!r}"
                )


def draw_episodes(
    family: Family, sizes: EpisodeSizes, *, generator: Generator, shifted: bool = False
) -> tuple[Functions, Episodes]:
    """Functions of a family, and episodes of them in torch's default type.

    Arguments:
        family: What they are drawn from.
        sizes: How many.
        generator: Source of all draws; everything lives on its device.
        shifted: Whether the functions are out of domain; points are always from the ranges.
    """
    functions = family.draw(sizes.functions, generator=generator, shifted=shifted)
    samples = sizes.support + sizes.query
    inputs = family.points(sizes.functions, samples, generator=generator)
    targets = functions.evaluate(inputs)
    parts = (torch.split(tensor, [sizes.support, sizes.query], 1) for tensor in (inputs, targets))
    support, query = (Batch(*part) for part in zip(*parts, strict=True))
    return functions, Episodes(support, query)
