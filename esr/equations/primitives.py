"""A primitive: one function for tensors and for sympy, with a domain and a scale."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import sympy
import torch
from torch import Tensor

from esr.equations.exact import exact_number
from esr.equations.names import check_name

__all__ = ["Interval", "Primitive", "Scale"]


@dataclass(frozen=True)
class Interval:
    """The real numbers between two ends.

    Arguments:
        low: Lower end, may be `-inf`.
        high: Upper end, may be `inf`, above `low` or equal to it.
        closed_low: Whether `low` itself belongs to the interval.
        closed_high: Whether `high` itself belongs to the interval.
    Raises:
        ValueError: If an end is NaN or `low > high`.
    """

    low: float = -math.inf
    high: float = math.inf
    closed_low: bool = True
    closed_high: bool = True

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(
                f"an interval needs low <= high, but got low={self.low}, high={self.high}"
            )

    def contains(self, values: Tensor) -> Tensor:
        """Which values lie inside; NaN and infinity never do.

        Arguments:
            values: Real numbers, shape `(*)`.
        Returns:
            Boolean tensor of the same shape.
        """
        above = values >= self.low if self.closed_low else values > self.low
        below = values <= self.high if self.closed_high else values < self.high
        return above & below & torch.isfinite(values)


@dataclass(frozen=True)
class Scale:
    r"""The affine frame around a function :math:`f`.

    .. math:: m\, f(\min(k x, c)) + b

    Arguments:
        input_scale: :math:`k`, applied to every argument.
        output_scale: :math:`m`.
        output_shift: :math:`b`.
        input_limit: :math:`c`, which keeps training finite where :math:`f` grows fast; `None`
            for no limit. It does not appear in expressions.
    Raises:
        ValueError: If a number is not finite or a scale is zero.
    """

    input_scale: float = 1.0
    output_scale: float = 1.0
    output_shift: float = 0.0
    input_limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("input_scale", "output_scale", "output_shift", "input_limit"):
            value = getattr(self, name)
            if name == "input_limit" and value is None:
                continue
            if not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number, but is {value!r}")
            if name.endswith("_scale") and value == 0:
                raise ValueError(f"{name} must not be 0: the function would be constant")


@dataclass(frozen=True)
class Primitive:
    r"""A function of one or two arguments, defined for tensors and for sympy at once.

    .. math:: m\, f(\min(k x, c)) + b

    Arguments:
        name: Identifier under which expressions and text know it.
        arity: Number of arguments, 1 or 2.
        torch_function: :math:`f` on `arity` tensors that broadcast; elementwise, differentiable.
            A module-level function keeps models that hold the primitive picklable.
        sympy_function: The same :math:`f` on `arity` sympy expressions.
        domain: For each argument of :math:`f` (after scaling) the interval on which both sides
            are finite and agree; poles are isolated points and not left out. All reals if empty.
        scale: :math:`k, m, b, c`; the input scale and limit apply to every argument.
        derivative: The partial derivatives of :math:`f`, from its value and its arguments: one
            tensor or number each, elementwise. Networks then train without autograd in their
            units; where it is None autograd finds the same numbers.
    Raises:
        ValueError: If the name, arity or the length of the domain is wrong.
        TypeError: If a function is not callable or the name not a string.
    """

    name: str
    arity: int
    torch_function: Callable[..., Tensor]
    sympy_function: Callable[..., sympy.Expr]
    domain: tuple[Interval, ...] = ()
    scale: Scale = field(default_factory=Scale)
    derivative: Callable[..., tuple[Tensor | float, ...]] | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "a primitive")
        if self.arity not in (1, 2):
            raise ValueError(f"primitive '{self.name}' must have arity 1 or 2, not {self.arity!r}")
        for side in ("torch_function", "sympy_function"):
            if not callable(getattr(self, side)):
                raise TypeError(f"{side} of primitive '{self.name}' must be callable")
        if self.derivative is not None and not callable(self.derivative):
            raise TypeError(f"derivative of primitive '{self.name}' must be callable or None")
        object.__setattr__(self, "domain", tuple(self.domain) or (Interval(),) * self.arity)
        if len(self.domain) != self.arity:
            raise ValueError(
                f"the domain of primitive '{self.name}' must have one interval per argument "
                f"({self.arity}), but has {len(self.domain)}"
            )

    def __call__(self, *tensors: Tensor) -> Tensor:
        """The scaled value.

        Arguments:
            tensors: One tensor per argument, shapes `(*)` that broadcast.
        Returns:
            Tensor of the broadcast shape.
        Raises:
            ValueError: If the number of tensors is not the arity.
        """
        self._check_count(len(tensors))
        value = self.torch_function(*(self._scaled_input(tensor) for tensor in tensors))
        if self.scale.output_scale != 1:
            value = value * self.scale.output_scale
        return value if self.scale.output_shift == 0 else value + self.scale.output_shift

    def to_sympy(self, *arguments: sympy.Expr) -> sympy.Expr:
        """The scaled value as a sympy expression, without the input limit.

        Arguments:
            arguments: One sympy expression per argument.
        Raises:
            ValueError: If the number of arguments is not the arity.
        """
        self._check_count(len(arguments))
        k, m, b = (
            exact_number(value)
            for value in (
                self.scale.input_scale,
                self.scale.output_scale,
                self.scale.output_shift,
            )
        )
        return m * self.sympy_function(*(k * argument for argument in arguments)) + b

    def in_domain(self, *tensors: Tensor) -> Tensor:
        """Where the scaled arguments lie in the domain.

        Arguments:
            tensors: One tensor per argument, unscaled, shapes `(*)` that broadcast.
        Returns:
            Boolean tensor of the broadcast shape.
        Raises:
            ValueError: If the number of tensors is not the arity.
        """
        self._check_count(len(tensors))
        inside = [
            interval.contains(self._scaled_input(tensor))
            for interval, tensor in zip(self.domain, tensors, strict=True)
        ]
        return inside[0] if self.arity == 1 else inside[0] & inside[1]

    def scaled(
        self,
        *,
        input_scale: float | None = None,
        output_scale: float | None = None,
        output_shift: float | None = None,
        input_limit: float | None = None,
    ) -> "Primitive":
        """A copy with another scale; what is not named stays as it is.

        Arguments:
            input_scale: The new factor on every argument.
            output_scale: The new factor on the function.
            output_shift: The new term added last.
            input_limit: The new largest scaled argument; `base` is the way back to none.
        Raises:
            ValueError: If a number is not finite or a scale is zero.
        """
        old = self.scale
        scale = Scale(
            old.input_scale if input_scale is None else input_scale,
            old.output_scale if output_scale is None else output_scale,
            old.output_shift if output_shift is None else output_shift,
            old.input_limit if input_limit is None else input_limit,
        )
        return replace(self, scale=scale)

    @property
    def base(self) -> "Primitive":
        """The same primitive without scale and limit."""
        return self if self.scale == Scale() else replace(self, scale=Scale())

    @property
    def input_scale(self) -> float:
        """Factor on every argument."""
        return self.scale.input_scale

    @property
    def output_scale(self) -> float:
        """Factor on the function."""
        return self.scale.output_scale

    @property
    def output_shift(self) -> float:
        """Term added last."""
        return self.scale.output_shift

    @property
    def input_limit(self) -> float | None:
        """Largest scaled argument, or `None`."""
        return self.scale.input_limit

    def _check_count(self, count: int) -> None:
        if count != self.arity:
            raise ValueError(
                f"primitive '{self.name}' takes {self.arity} argument"
                f"{'s' if self.arity > 1 else ''}, but got {count}"
            )

    def _scaled_input(self, tensor: Tensor) -> Tensor:
        scaled = tensor if self.scale.input_scale == 1 else tensor * self.scale.input_scale
        limit = self.scale.input_limit
        return scaled if limit is None else scaled.clamp(max=limit)
