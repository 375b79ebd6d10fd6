"""Unit groups with first and second derivatives, on slices of preallocated tensors.

As in `unit_passes`, scales are left to the weights on either side. A tensor's tangent is how it
changes along a direction in the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.eql.unit_passes import writes_into
from baselines.eql.units import UnitGroup
from baselines.eql.workspace import Workspace
from esr.equations import Primitive
from esr.equations.evaluation import partial_derivatives
from esr.equations.second_derivatives import second_derivatives

__all__ = ["BinaryUnits", "Ends", "UnaryUnits", "curved_units"]


@dataclass(frozen=True)
class Ends:
    """What is known at the units' operands, `(R, G, N)`, or at their values, `(R, H, N)`.

    Arguments:
        values: What they are.
        slopes: Derivatives of the misfit by them.
        tangents: Changes of `values`.
        slope_tangents: Changes of `slopes`.
    """

    values: Tensor
    slopes: Tensor
    tangents: Tensor
    slope_tangents: Tensor

    def part(self, start: int, count: int) -> "Ends":
        """The rows from `start` on."""
        rows = slice(start, start + count)
        return Ends(
            self.values[:, rows],
            self.slopes[:, rows],
            self.tangents[:, rows],
            self.slope_tangents[:, rows],
        )


class _Group:
    """The primitive of one group: its values, and its derivatives within its input limit."""

    def __init__(
        self,
        primitive: Primitive,
        operands: Sequence[Tensor],
        values: Tensor,
        partials: Sequence[Tensor],
        workspace: Workspace,
    ) -> None:
        self.primitive, self.limit = primitive.base, primitive.input_limit
        shift = primitive.output_shift / primitive.output_scale
        self.shift = None if shift == 0 else values.new_tensor(shift)
        self.operands, self.values, self.partials = operands, values, partials
        self.unshifted = values if self.shift is None else workspace.take(*values.shape)
        self.below: list[Tensor] = []
        if self.limit is not None:
            self.below = [workspace.take(*operand.shape) for operand in operands]
        self.writes = writes_into(primitive, operands)
        self._constant: list[float | None] = [None] * len(operands)

    def forward(self) -> None:
        """Fill the values and first derivatives."""
        if self.limit is not None:
            for operand, below in zip(self.operands, self.below, strict=True):
                torch.le(operand, self.limit, out=below)
                operand.clamp_(max=self.limit)
        function = self.primitive.torch_function
        if self.writes:
            function(*self.operands, out=self.unshifted)
        else:
            self.unshifted.copy_(function(*self.operands))
        if self.shift is not None:
            torch.add(self.unshifted, self.shift, out=self.values)
        found = partial_derivatives(self.primitive, self.unshifted, self.operands)
        for place, partial in enumerate(found):
            target = self.partials[place]
            if self.limit is not None:
                torch.mul(self.below[place], partial, out=target)
            elif isinstance(partial, Tensor):
                target.copy_(partial)
            elif partial != self._constant[place]:
                target.fill_(partial)
                self._constant[place] = partial

    def second(self) -> list[Tensor | float]:
        """The second derivatives, after `forward`: xx, or xx, xy and yy."""
        found = list(second_derivatives(self.primitive, self.unshifted, self.operands))
        if self.limit is not None:  # these are ones and zeros
            factors = [self.below[0]]
            if len(self.below) == 2:
                factors += [self.below[0] * self.below[1], self.below[1]]
            found = [below * second for below, second in zip(factors, found, strict=True)]
        return found


class UnaryUnits:
    """Groups side by side whose primitives have one argument; what can be is done at once.

    Arguments:
        groups: The groups.
        operands: Their operands.
        values: Their values, as many.
        workspace: Where derivatives are kept.
    """

    def __init__(
        self, groups: Sequence[UnitGroup], operands: Ends, values: Ends, workspace: Workspace
    ) -> None:
        self.operands, self.values = operands, values
        self.partials = workspace.take(*operands.values.shape)
        self.seconds = torch.zeros_like(self.partials)
        self.bends = torch.empty_like(self.partials)
        self.groups: list[tuple[_Group, Tensor]] = []
        start = 0
        for group in groups:
            rows = slice(start, start + group.count)
            at, of, partials, seconds = (
                tensor[:, rows]
                for tensor in (operands.values, values.values, self.partials, self.seconds)
            )
            part = _Group(group.primitive, [at], of, [partials], workspace)
            self.groups.append((part, seconds))
            start += group.count
        self._constant: list[float | None] = [None] * len(groups)

    def forward(self) -> None:
        """Fill the values and first derivatives."""
        for group, _ in self.groups:
            group.forward()

    def backward(self) -> None:
        """Fill the operands' slopes."""
        torch.mul(self.values.slopes, self.partials, out=self.operands.slopes)

    def forward_tangents(self) -> None:
        """Fill the values' tangents."""
        torch.mul(self.operands.tangents, self.partials, out=self.values.tangents)

    def backward_tangents(self) -> None:
        """Fill the tangents of the operands' slopes."""
        for place, (group, seconds) in enumerate(self.groups):
            (second,) = group.second()
            if isinstance(second, Tensor):
                seconds.copy_(second)
            elif second != self._constant[place]:
                seconds.fill_(second)
                self._constant[place] = second
        torch.mul(self.values.slopes, self.seconds, out=self.bends).mul_(self.operands.tangents)
        torch.addcmul(
            self.bends,
            self.values.slope_tangents,
            self.partials,
            out=self.operands.slope_tangents,
        )


class BinaryUnits:
    """A group whose primitive has two arguments.

    Arguments:
        group: The group.
        operands: Its operands, left ones first.
        values: Its values.
        workspace: Where derivatives are kept.
    """

    def __init__(
        self, group: UnitGroup, operands: Ends, values: Ends, workspace: Workspace
    ) -> None:
        self.values = values
        self.sides = [operands.part(place * group.count, group.count) for place in range(2)]
        self.partials = [workspace.take(*values.values.shape) for _ in self.sides]
        arguments = [side.values for side in self.sides]
        self.group = _Group(group.primitive, arguments, values.values, self.partials, workspace)

    def forward(self) -> None:
        """Fill the values and first derivatives."""
        self.group.forward()

    def backward(self) -> None:
        """Fill the operands' slopes."""
        for side, partial in zip(self.sides, self.partials, strict=True):
            torch.mul(self.values.slopes, partial, out=side.slopes)

    def forward_tangents(self) -> None:
        """Fill the values' tangents."""
        left, right = self.sides
        torch.mul(left.tangents, self.partials[0], out=self.values.tangents)
        self.values.tangents.addcmul_(right.tangents, self.partials[1])

    def backward_tangents(self) -> None:
        """Fill the tangents of the operands' slopes."""
        left, right = self.sides
        by_left, by_both, by_right = self.group.second()
        for side, partial, own, other in (
            (left, self.partials[0], by_left, right),
            (right, self.partials[1], by_right, left),
        ):
            torch.mul(self.values.slope_tangents, partial, out=side.slope_tangents)
            for second, tangents in ((own, side.tangents), (by_both, other.tangents)):
                if isinstance(second, Tensor):
                    side.slope_tangents.addcmul_(self.values.slopes * second, tangents)
                elif second != 0:
                    side.slope_tangents.addcmul_(self.values.slopes, tangents, value=second)


def curved_units(
    groups: Sequence[UnitGroup], operands: Ends, values: Ends, workspace: Workspace
) -> list[UnaryUnits | BinaryUnits]:
    """The unit groups of one layer.

    Arguments:
        groups: In order.
        operands: The layer's operands, `(R, G, N)`.
        values: Its values, `(R, H, N)`.
        workspace: Where derivatives are kept.
    """
    found: list[UnaryUnits | BinaryUnits] = []
    waiting: list[UnitGroup] = []
    operand = unit = 0

    def close() -> None:
        """Make units of the groups of one argument that wait."""
        nonlocal operand, unit
        count = sum(group.count for group in waiting)
        if waiting:
            parts = operands.part(operand, count), values.part(unit, count)
            found.append(UnaryUnits(list(waiting), *parts, workspace))
            waiting.clear()
        operand, unit = operand + count, unit + count

    for group in groups:
        if group.primitive.arity == 1:
            waiting.append(group)
            continue
        close()
        parts = operands.part(operand, group.operands), values.part(unit, group.count)
        found.append(BinaryUnits(group, *parts, workspace))
        operand, unit = operand + group.operands, unit + group.count
    close()
    return found
