"""One kind of function of a family: its text and the ranges of its parameters."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from esr.errors import ConfigurationError, suggestion

__all__ = ["Member", "Range", "checked_range"]

Range = Sequence[float] | float
"""Where a number is drawn from: [low, high], uniformly, or the number itself."""


@dataclass(frozen=True)
class Member:
    """One kind of function: the text of an expression and the ranges of its parameters.

    Arguments:
        expression: For instance `a*sin(2*pi*f*x + phi)`. Names that are not parameters are the
            variables of the family.
        parameters: For each parameter [low, high], from which it is drawn uniformly, or a number.
        share: How often this member is drawn relative to the others of its family, positive.
        shifted: Ranges or numbers out of domain in place of those of `parameters`; parameters
            not named here stay as they are.
    Raises:
        ConfigurationError: If a range is empty or not finite, `share` is not positive, or
            `shifted` names what is not a parameter.
    """

    expression: str
    parameters: Mapping[str, Range] = field(default_factory=dict)
    share: float = 1.0
    shifted: Mapping[str, Range] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.expression, str):
            raise ConfigurationError(
                f"the expression of a member must be text, but is {self.expression!r}; write it "
                "in quotes"
            )
        where = f"of the member '{self.expression}'"
        if not (_is_finite(self.share) and self.share > 0):
            raise ConfigurationError(f"the share {where} must be positive, but is {self.share!r}")
        for name in self.shifted:
            if name not in self.parameters:
                raise ConfigurationError(
                    f"shifted {where} names {name!r}, which is not among its parameters; "
                    + suggestion(name, self.parameters)
                )
        for kind in ("parameters", "shifted"):
            given: Mapping[str, Range] = getattr(self, kind)
            checked = {n: checked_range(r, f"{kind}.{n} {where}") for n, r in given.items()}
            object.__setattr__(self, kind, checked)

    def within(self, *, shifted: bool) -> dict[str, tuple[float, float]]:
        """The lowest and highest value of each parameter, in domain or out of it."""
        ranges = {**self.parameters, **(self.shifted if shifted else {})}
        return {name: _ends(given) for name, given in ranges.items()}


def checked_range(given: object, owner: str) -> tuple[float, float] | float:
    """A checked range [low, high], or a number.

    Arguments:
        given: What was written.
        owner: Whose range it is, for the message.
    Raises:
        ConfigurationError: If it is neither, or low is not below high.
    """
    if isinstance(given, (int, float)) and _is_finite(given):
        return float(given)
    if isinstance(given, Sequence) and len(given) == 2 and all(map(_is_finite, given)):
        low, high = given
        if low < high:
            return float(low), float(high)
    raise ConfigurationError(
        f"{owner} must be [low, high] with low < high, or a number, but is {given!r}"
    )


def _is_finite(value: object) -> bool:
    """Whether a value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value)


def _ends(given: Range) -> tuple[float, float]:
    return (given, given) if isinstance(given, (int, float)) else (given[0], given[1])
