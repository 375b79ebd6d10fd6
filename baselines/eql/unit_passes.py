"""One unit group's forward and backward pass on slices of preallocated tensors.

The primitive's output and input scales are not applied here: the weights on either side carry
them. Its output shift, in units of the output scale, and its input limit are.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import BuiltinFunctionType

import torch
from torch import Tensor

from baselines.eql.units import UnitGroup
from esr.equations import Primitive

__all__ = ["AutogradPass", "DerivativePass", "UnitPass", "unit_pass", "writes_into"]


class UnitPass(ABC):
    """A pass over one unit group; `backward` follows the `forward` it belongs to.

    Arguments:
        primitive: What the units compute.
        operands: What they act on, one view `(R, count, N)` for each argument. It may be cut
            off at the primitive's input limit in place.
        values: Where the activations go, `(R, count, N)`.
        value_slopes: Derivatives of the misfit by the activations, `(R, count, N)`.
        operand_slopes: Where its derivatives by the operands go, a view for each argument.
    """

    def __init__(
        self,
        primitive: Primitive,
        operands: tuple[Tensor, ...],
        values: Tensor,
        value_slopes: Tensor,
        operand_slopes: tuple[Tensor, ...],
    ) -> None:
        self.function, self.limit = primitive.torch_function, primitive.input_limit
        shift = primitive.output_shift / primitive.output_scale
        self.shift = None if shift == 0 else values.new_tensor(shift)  # as a tensor: no cast
        self.operands, self.values = operands, values
        self.value_slopes, self.operand_slopes = value_slopes, operand_slopes

    @abstractmethod
    def forward(self) -> None:
        """Fill the activations."""

    @abstractmethod
    def backward(self) -> None:
        """Fill the slopes of the operands."""


class DerivativePass(UnitPass):
    """The pass of a group whose primitive has a derivative: no graph at all."""

    def __init__(
        self,
        primitive: Primitive,
        operands: tuple[Tensor, ...],
        values: Tensor,
        value_slopes: Tensor,
        operand_slopes: tuple[Tensor, ...],
    ) -> None:
        super().__init__(primitive, operands, values, value_slopes, operand_slopes)
        if primitive.derivative is None:
            raise ValueError(f"primitive '{primitive.name}' has no derivative; use AutogradPass")
        self.derivative = primitive.derivative
        self.unshifted = values if self.shift is None else torch.empty_like(values)
        self.below: list[Tensor] = []
        if self.limit is not None:
            self.below = [torch.empty_like(x, dtype=torch.bool) for x in operands]
        self.writes = writes_into(primitive, operands)

    def forward(self) -> None:
        """Fill the activations."""
        if self.limit is not None:
            for operand, below in zip(self.operands, self.below, strict=True):
                torch.le(operand, self.limit, out=below)
                operand.clamp_(max=self.limit)
        if self.writes:
            self.function(*self.operands, out=self.unshifted)
        else:
            self.unshifted.copy_(self.function(*self.operands))
        if self.shift is not None:
            torch.add(self.unshifted, self.shift, out=self.values)

    def backward(self) -> None:
        """Fill the slopes of the operands by the chain rule."""
        partials = self.derivative(self.unshifted, *self.operands)
        for partial, slopes in zip(partials, self.operand_slopes, strict=True):
            if isinstance(partial, float) and partial == 1:
                slopes.copy_(self.value_slopes)
            else:
                torch.mul(self.value_slopes, partial, out=slopes)
        if self.limit is not None:
            for below, slopes in zip(self.below, self.operand_slopes, strict=True):
                slopes.mul_(below)


class AutogradPass(UnitPass):
    """The pass of a group whose primitive has no derivative: a graph of this group alone."""

    leaves: tuple[Tensor, ...]
    result: Tensor

    def forward(self) -> None:
        """Fill the activations and keep their graph until `backward`."""
        with torch.enable_grad():
            self.leaves = tuple(x.detach().clone().requires_grad_() for x in self.operands)
            arguments = self.leaves
            if self.limit is not None:
                arguments = tuple(x.clamp(max=self.limit) for x in arguments)
            self.result = self.function(*arguments)
        self.values.copy_(self.result.detach())
        if self.shift is not None:
            self.values.add_(self.shift)

    def backward(self) -> None:
        """Fill the slopes of the operands from the graph, and drop it."""
        slopes: tuple[Tensor | None, ...] = (None,) * len(self.leaves)
        if self.result.requires_grad:
            slopes = torch.autograd.grad(
                self.result, self.leaves, self.value_slopes, allow_unused=True
            )
        for target, slope in zip(self.operand_slopes, slopes, strict=True):
            if slope is None:
                target.zero_()
            else:
                target.copy_(slope)
        del self.leaves, self.result


def unit_pass(
    group: UnitGroup,
    operands: Tensor,
    values: Tensor,
    value_slopes: Tensor,
    operand_slopes: Tensor,
) -> UnitPass:
    """The cheapest pass that a group's primitive allows.

    Arguments:
        group: The units.
        operands: The group's operands, `(R, count * arity, N)`, left ones first.
        values: Its activations, `(R, count, N)`.
        value_slopes: Derivatives of the misfit by the activations, `(R, count, N)`.
        operand_slopes: Its derivatives by the operands, as the operands.
    """
    kind = AutogradPass if group.primitive.derivative is None else DerivativePass
    return kind(
        group.primitive,
        torch.split(operands, group.count, dim=1),
        values,
        value_slopes,
        torch.split(operand_slopes, group.count, dim=1),
    )


def writes_into(primitive: Primitive, operands: Sequence[Tensor]) -> bool:
    """Whether the torch function takes `out=`, found by trying it on one number.

    Arguments:
        primitive: Whose function it is.
        operands: What it will act on, `(R, count, N)` each.
    """
    if not isinstance(primitive.torch_function, BuiltinFunctionType):
        return False
    numbers = [torch.ones_like(x[:1, :1, :1]) for x in operands]
    try:
        primitive.torch_function(*numbers, out=torch.empty_like(numbers[0]))
    except TypeError:
        return False
    return True
