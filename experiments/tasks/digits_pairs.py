"""Pairs of digits whose sum lies in a range, drawn uniformly."""

import torch
from torch import Generator, Tensor

from esr.errors import DataError

__all__ = ["LARGEST_SUM", "draw_pairs"]

LARGEST_SUM = 18


def draw_pairs(digits: Tensor, count: int, low: int, high: int, *, generator: Generator) -> Tensor:
    """Pairs drawn uniformly from all ordered pairs with `low <= sum < high`.

    With the digits in ascending order, the partners of each are neighbours, so the pairs can be
    numbered without being listed.

    Arguments:
        digits: The digit of each image, integers `(M,)`.
        count: How many pairs to draw, with replacement.
        low: Smallest sum.
        high: The sum above the largest.
        generator: Feeds the draw.
    Returns:
        Places of both digits of each pair, integers `(count, 2)`.
    Raises:
        DataError: If no two digits have such a sum.
    """
    ascending, order = digits.sort(stable=True)
    first = torch.searchsorted(ascending, low - ascending)
    last = torch.searchsorted(ascending, high - ascending)  # (M,), one past the last partner
    ends = (last - first).cumsum(0)
    total = int(ends[-1])
    if total == 0:
        raise DataError(
            f"no two of the {len(digits)} digits have a sum from {low} to {high - 1}; more "
            "images, or another limit, are needed"
        )
    numbers = torch.randint(total, (count,), generator=generator, device=digits.device)
    one = torch.searchsorted(ends, numbers, right=True)
    other = last[one] - (ends[one] - numbers)
    return torch.stack([order[one], order[other]], dim=1)
