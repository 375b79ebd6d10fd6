"""Families of functions: several kinds, each with parameters drawn from ranges."""

from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor

from esr.errors import ConfigurationError, DataError
from esr.meta.form import read_form
from esr.meta.functions import Functions
from esr.meta.member import Member, Range, checked_range

__all__ = ["Family", "single_family"]

_EDGE = 1e-9
"""How far a drawn place keeps from the borders between members, which rounding moves."""


class Family:
    """Functions to learn from and to be tested on: members with shares, and where x lies.

    Arguments:
        members: At least one, by name or in order; without names, the texts are the names.
        ranges: Range [low, high] of each variable, in the order of the inputs' features; x from
            -1 to 1 if there are none.
        exact_shares: Give each member its share of every draw, up to one function, instead of
            drawing the member of each function independently. The members then take turns, so
            that K functions of K members of equal shares are one of each, in order.
    Raises:
        ConfigurationError: If there is no member, an expression cannot be read or has a name
            that is neither variable nor parameter, a parameter does not occur, or a range is
            empty.
    """

    def __init__(
        self,
        members: Sequence[Member] | Mapping[str, Member],
        ranges: Mapping[str, Sequence[float]] | None = None,
        exact_shares: bool = False,
    ) -> None:
        if not members:
            raise ConfigurationError("a family needs at least one member, but has none")
        if isinstance(members, Mapping):
            self.names, self.members = tuple(members), tuple(members.values())
        else:
            self.members = tuple(members)
            self.names = tuple(member.expression for member in self.members)
        self.ranges = _ranges(ranges or {"x": (-1.0, 1.0)})
        self.variables = tuple(self.ranges)
        self._limits = torch.tensor(list(self.ranges.values()), dtype=torch.float64).T  # (2, D)
        self.exact_shares = exact_shares
        named = zip(self.names, self.members, strict=True)
        self._forms = [read_form(name, member, self.variables) for name, member in named]
        self._inside = _table(self.members, shifted=False)
        self._outside = _table(self.members, shifted=True)
        shares = torch.tensor([member.share for member in self.members], dtype=torch.float64)
        self._borders = (shares.cumsum(0) / shares.sum())[:-1]  # (M - 1,)

    @property
    def has_shift(self) -> bool:
        """Whether a member has ranges out of domain."""
        return any(member.shifted for member in self.members)

    def draw(self, count: int, *, generator: Generator | None, shifted: bool = False) -> Functions:
        """Functions drawn at random.

        Arguments:
            count: Their number K, at least 1.
            generator: Source of the draws; the functions live on its device.
            shifted: Draw the parameters out of domain. The same generator state gives the same
                members, and the parameters at the same places of the other ranges.
        Raises:
            ConfigurationError: If `count` is below 1, or `shifted` and no member has a shift.
        """
        if count < 1:
            raise ConfigurationError(f"count must be at least 1, but is {count}")
        if shifted and not self.has_shift:
            raise ConfigurationError(
                "this family has no ranges out of domain; give a member 'shifted', such as "
                "shifted: {a: [1, 2]}"
            )
        return self._of_kinds(self._kinds(count, generator), generator, shifted=shifted)

    def points(
        self,
        count: int,
        samples: int,
        *,
        generator: Generator | None,
        wider: float = 1.0,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        """Points drawn uniformly from the ranges of the variables.

        Arguments:
            count: Number of functions K.
            samples: Number of points N of each.
            generator: Source of the draws; the points live on its device.
            wider: Factor by which the ranges grow around their centres, positive.
            dtype: Type of the points; torch's default type if `None`.
        Returns:
            Shape `(K, N, D)`.
        Raises:
            ConfigurationError: If `wider` is not positive.
        """
        if not wider > 0:
            raise ConfigurationError(f"wider must be positive, but is {wider}")
        device = generator.device if generator is not None else None
        size = (count, samples, len(self.variables))
        unit = torch.rand(size, generator=generator, dtype=dtype, device=device)
        low, high = self._widened(wider)
        return torch.lerp(low.to(unit), high.to(unit), unit)

    def check(
        self, *, generator: Generator | None, functions: int = 100, wider: float = 1.0
    ) -> None:
        """Make sure that functions are finite, in domain and out of it, by evaluating some.

        Arguments:
            generator: Source of the draws.
            functions: How many to draw of each member, at 100 points each that are drawn, and at
                the ends, the middle and other regular places of the ranges, zero among them if
                a range contains it.
            wider: As `points` takes it.
        Raises:
            DataError: If a value is NaN or infinite; it names the member and the numbers.
        """
        device = generator.device if generator is not None else None
        kinds = torch.arange(len(self.members), device=device).repeat_interleave(functions)
        for shifted in (False, True)[: 1 + self.has_shift]:
            drawn = self._of_kinds(kinds, generator, shifted=shifted)
            inputs = self.points(drawn.count, 100, generator=generator, wider=wider)
            regular = self._regular_points(wider).to(inputs).expand(drawn.count, -1, -1)
            inputs = torch.cat([inputs, regular], dim=1)
            bad = (~drawn.evaluate(inputs).isfinite()).nonzero()
            if len(bad):
                function, point, _ = bad[0].tolist()
                place = dict(zip(self.variables, inputs[function, point].tolist(), strict=True))
                numbers = drawn.parameters()[function]
                raise DataError(
                    f"the member '{self.names[int(kinds[function])]}' is not finite at "
                    f"{_listed(place)}{' with ' + _listed(numbers) if numbers else ''}"
                    f"{', out of domain' if shifted else ''}; choose other ranges"
                )

    def _widened(self, wider: float) -> tuple[Tensor, Tensor]:
        """The ends of the ranges, `(D,)` each, grown around their centres."""
        low, high = self._limits
        margin = (wider - 1) * (high - low) / 2
        return low - margin, high + margin

    def _regular_points(self, wider: float) -> Tensor:
        """Places where formulas tend to break, the same for each variable or for one at a time
        with the others in the middle: `(G, D)`."""
        low, high = self._widened(wider)
        shares = torch.linspace(0, 1, 21, dtype=torch.float64)[:, None]
        diagonal = low + shares * (high - low)  # (21, D)
        zero = torch.zeros_like(low).clamp(low, high)
        places = torch.cat([diagonal, zero[None]])  # (22, D)
        one = torch.eye(len(low), dtype=torch.bool)[:, None]
        axes = torch.where(one, places, (low + high) / 2)  # (D, 22, D)
        return torch.cat([places, axes.flatten(0, 1)])

    def _kinds(self, count: int, generator: Generator | None) -> Tensor:
        """The member of each function, `(K,)`."""
        device = generator.device if generator is not None else None
        members = len(self.members)
        if members == 1:
            return torch.zeros(count, dtype=torch.int64, device=device)
        draws = 1 if self.exact_shares else count
        place = torch.rand(draws, generator=generator, dtype=torch.float64, device=device)
        borders = self._borders.to(place.device)
        if not self.exact_shares:
            return torch.searchsorted(borders, place, right=True)
        # a comb of K equal steps with a random start meets each member in proportion to its
        # share, rounded up or down, and on average exactly so (systematic sampling)
        steps = torch.arange(count, dtype=torch.float64, device=device)
        kinds = torch.searchsorted(borders, (steps + place.clamp(_EDGE, 1 - _EDGE)) / count)
        sizes = torch.bincount(kinds, minlength=members)
        turn = steps - (sizes.cumsum(0) - sizes)[kinds] + 0.5
        return kinds[torch.argsort(turn / sizes[kinds], stable=True)]

    def _of_kinds(self, kinds: Tensor, generator: Generator | None, *, shifted: bool) -> Functions:
        """Functions of given members with parameters drawn."""
        device = kinds.device
        ends = (self._outside if shifted else self._inside).to(device)
        low, high = ends.index_select(1, kinds)
        unit = torch.rand(low.shape, generator=generator, dtype=torch.float64, device=device)
        return Functions(self._forms, kinds, torch.lerp(low, high, unit))


def single_family(
    expression: str,
    parameters: Mapping[str, Range] | None = None,
    shifted: Mapping[str, Range] | None = None,
    ranges: Mapping[str, Sequence[float]] | None = None,
) -> Family:
    """The family of one member.

    Arguments:
        expression: As `Member` takes it.
        parameters: As `Member` takes them.
        shifted: As `Member` takes it.
        ranges: As `Family` takes them.
    Raises:
        ConfigurationError: As `Member` and `Family` do.
    """
    return Family([Member(expression, parameters or {}, shifted=shifted or {})], ranges)


def _table(members: Sequence[Member], *, shifted: bool) -> Tensor:
    """Lowest and highest value of every parameter of every member, `(2, M, P)`; zeros beyond."""
    width = max(len(member.parameters) for member in members)
    table = torch.zeros(2, len(members), width, dtype=torch.float64)
    for row, member in enumerate(members):
        for column, ends in enumerate(member.within(shifted=shifted).values()):
            table[:, row, column] = torch.tensor(ends, dtype=torch.float64)
    return table


def _ranges(given: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    checked = {name: checked_range(ends, f"the range of {name!r}") for name, ends in given.items()}
    ranges = {name: ends for name, ends in checked.items() if isinstance(ends, tuple)}
    for name in checked.keys() - ranges.keys():
        raise ConfigurationError(
            f"the range of {name!r} must be [low, high], but is the number {checked[name]}"
        )
    return ranges


def _listed(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} = {value:.4g}" for name, value in numbers.items())
