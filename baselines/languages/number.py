"""The numbers that may stand at one place of an equation, written with a fixed count of digits."""

from dataclasses import dataclass

import torch
from torch import Tensor

from esr.errors import ConfigurationError

__all__ = ["Number"]


@dataclass(frozen=True)
class Number:
    """Multiples of a power of ten from `low` to `high` without zero.

    Numbers are held as integers, their steps: 1.5 with one decimal is 15 steps. They are written
    with all their digits, so that each takes the same number of characters: `+1.5`, `-0.3`, and
    `1.5` if all are positive.

    Arguments:
        low: Smallest number in steps.
        high: Largest number in steps, at least `low`.
        decimals: Digits after the point, at least 1.
    Raises:
        ConfigurationError: If something is no integer, the range is turned round or holds nothing
            but zero, or there are no decimals.
    """

    low: int = -50
    high: int = 50
    decimals: int = 1

    def __post_init__(self) -> None:
        whole = all(type(value) is int for value in (self.low, self.high, self.decimals))
        if not whole or self.decimals < 1 or self.low > self.high or self.low == self.high == 0:
            raise ConfigurationError(
                f"a number needs integers low <= high, not both 0, and at least one decimal, but "
                f"got low={self.low!r}, high={self.high!r}, decimals={self.decimals!r}"
            )

    @property
    def signed(self) -> bool:
        """Whether a sign is written: whenever a number may be negative."""
        return self.low < 0

    @property
    def scale(self) -> int:
        """Steps of one unit."""
        return int(10**self.decimals)

    @property
    def digits_before(self) -> int:
        """Digits before the point."""
        return len(str(max(abs(self.low), abs(self.high)) // self.scale))

    @property
    def width(self) -> int:
        """Characters of a number."""
        return int(self.signed) + self.digits_before + 1 + self.decimals

    @property
    def steps(self) -> Tensor:
        """All numbers in steps, ascending, int64 `(n,)`."""
        every = torch.arange(self.low, self.high + 1)
        return every[every != 0]

    def text(self, steps: int) -> str:
        """A number as it is written."""
        sign = ("-" if steps < 0 else "+") if self.signed else ""
        before, after = divmod(abs(steps), self.scale)
        return f"{sign}{before:0{self.digits_before}}.{after:0{self.decimals}}"

    def characters(self, steps: Tensor) -> list[Tensor]:
        """What stands at each place of numbers: digits 0 to 9, 0 or 1 for the signs + and -, and
        0 for the point; each int64 of the shape of `steps`."""
        size = steps.abs()
        places = [(steps < 0).long()] if self.signed else []
        for power in range(self.digits_before + self.decimals - 1, -1, -1):
            if power == self.decimals - 1:
                places.append(torch.zeros_like(size))
            places.append(size // 10**power % 10)
        return places

    def read(self, places: list[Tensor]) -> Tensor:
        """The steps whose `characters` these are; the inverse."""
        digits = places[int(self.signed) :]
        del digits[self.digits_before]
        size = torch.zeros_like(digits[0])
        for digit in digits:
            size = 10 * size + digit
        return torch.where(places[0] > 0, -size, size) if self.signed else size

    def nearest(self, values: Tensor) -> Tensor:
        """The steps nearest to real values, int64 of their shape; values that are not finite, and
        those nearest to zero, go to the smallest number of their sign that there is."""
        wanted = torch.nan_to_num(values.double() * self.scale, nan=0.0, posinf=1e9, neginf=-1e9)
        found = wanted.round().long().clamp(self.low, self.high)
        towards = wanted.sign().clamp(-1 if self.low < 0 else 1, 1 if self.high > 0 else -1)
        away = torch.where(towards == 0, 1, towards).long()
        return torch.where(found == 0, away, found)

    def shifted(self, steps: Tensor, by: int) -> Tensor:
        """The numbers so many places further on in the list of all, held at its ends.

        Arguments:
            steps: Numbers of the range, int64 of any shape.
            by: Places, negative for backwards.
        """
        zero_within = self.low <= 0 <= self.high
        place = steps - int(zero_within) * (steps > 0) + by
        place = place.clamp(self.low, self.high - int(zero_within))
        return place + int(zero_within) * (place >= 0)

    def all_texts(self) -> list[str]:
        """Every number as it is written, in the order of `steps`."""
        return [self.text(steps) for steps in self.steps.tolist()]
