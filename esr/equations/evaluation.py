"""Values of expressions on tensors."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from esr.equations.expression import Call, Constant, Expression, Variable
from esr.equations.primitives import Primitive
from esr.equations.standard import POW
from esr.equations.traversal import postorder
from esr.errors import suggestion

__all__ = [
    "Evaluator",
    "check_variables",
    "evaluate",
    "fixed_constants",
    "partial_derivatives",
]


def evaluate(expression: Expression, values: Mapping[str, Tensor]) -> Tensor:
    """The value of an expression; see `Expression.evaluate`.

    Arguments:
        expression: The expression.
        values: One tensor per variable, shapes `(*)` that broadcast; others are allowed.
    Returns:
        A new tensor of the broadcast shape of all given tensors.
    Raises:
        ValueError: If a variable has no value.
        TypeError: If a value is not a tensor.
    """
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"the value of variable {name!r} must be a tensor, but is {type(value).__name__}; "
                "use torch.as_tensor"
            )
    check_variables(expression, tuple(values))
    given = tuple(values.values())
    dtype = _common_dtype(given)
    device = given[0].device if given else None
    constants = [
        torch.full((), value, dtype=dtype, device=device) for value in expression.constants
    ]
    tensors = [value.to(dtype) for value in given]
    value = Evaluator(expression, tuple(values))(tensors, constants)
    # every given tensor counts for the shape, and the result never aliases one of them
    result: Tensor = torch.broadcast_tensors(value, *tensors)[0]  # type: ignore[no-untyped-call]
    is_new = result.shape == value.shape and not any(value is tensor for tensor in tensors)
    return result if is_new else result.clone()


class Evaluator:
    """An expression as a list of instructions, for repeated evaluation.

    Arguments:
        expression: The expression.
        variables: Names of the values that calls will pass, in order, containing all of the
            expression's.
    """

    def __init__(self, expression: Expression, variables: Sequence[str]) -> None:
        position = {name: index for index, name in enumerate(variables)}
        # a primitive to call, or where to find a leaf: the group of values and the place in it
        self._instructions: list[Primitive | tuple[int, int]] = []
        self._arguments: list[tuple[int, ...]] = []  # the instructions whose results are taken
        constants, open_results = 0, list[int]()
        for place, node in enumerate(postorder(expression)):
            first = len(open_results) - len(node.arguments)
            self._arguments.append(tuple(open_results[first:]))
            open_results[first:] = [place]
            if isinstance(node, Call):
                self._instructions.append(node.primitive)
            elif isinstance(node, Variable):
                self._instructions.append((0, position[node.name]))
            else:
                self._instructions.append((1, constants))
                constants += 1

    def __call__(self, values: Sequence[Tensor], constants: Sequence[Tensor]) -> Tensor:
        """The value, of the broadcast shape of the tensors that occur.

        Arguments:
            values: One tensor per variable, shapes `(*)` that broadcast.
            constants: One tensor per constant in the order of `Expression.constants`, shapes
                that broadcast with the values.
        """
        return self._results(values, constants)[-1]

    def with_slopes(
        self, values: Sequence[Tensor], constants: Sequence[Tensor], wanted: Sequence[bool]
    ) -> tuple[Tensor, list[Tensor | float]]:
        """The value and its derivatives by constants, in one pass forward and one backward.

        Arguments:
            values: As for a call.
            constants: As for a call.
            wanted: For each constant, whether its derivative is asked for.
        Returns:
            The value, and one derivative for each wanted constant, of a shape that broadcasts
            to the value's, or a number where it is the same everywhere.
        """
        results = self._results(values, constants)
        depends = self._depends_on(wanted)
        slopes: list[Tensor | float] = [1.0] * len(results)
        for place in reversed(range(len(results))):
            instruction, arguments = self._instructions[place], self._arguments[place]
            if not depends[place] or not isinstance(instruction, Primitive):
                continue
            partials = partial_derivatives(
                instruction, results[place], [results[argument] for argument in arguments]
            )
            for argument, partial in zip(arguments, partials, strict=True):
                if depends[argument]:
                    slopes[argument] = _times(slopes[place], partial)
        leaves = zip(self._instructions, depends, slopes, strict=True)
        return results[-1], [
            slope
            for instruction, depending, slope in leaves
            if depending and not isinstance(instruction, Primitive)
        ]

    def _results(self, values: Sequence[Tensor], constants: Sequence[Tensor]) -> list[Tensor]:
        """The value of every node, arguments before their function."""
        sources, results = (values, constants), list[Tensor]()
        for instruction, arguments in zip(self._instructions, self._arguments, strict=True):
            if isinstance(instruction, Primitive):
                results.append(instruction.torch_function(*[results[a] for a in arguments]))
            else:
                group, place = instruction
                results.append(sources[group][place])
        return results

    def _depends_on(self, wanted: Sequence[bool]) -> list[bool]:
        """For each node, whether a wanted constant lies in it."""
        depends: list[bool] = []
        for instruction, arguments in zip(self._instructions, self._arguments, strict=True):
            if isinstance(instruction, Primitive):
                depends.append(any(depends[a] for a in arguments))
            else:
                group, place = instruction
                depends.append(group == 1 and wanted[place])
        return depends


def partial_derivatives(
    primitive: Primitive, value: Tensor, arguments: Sequence[Tensor]
) -> Sequence[Tensor | float]:
    """The derivatives of an unscaled primitive by its arguments, one each.

    Arguments:
        primitive: Without scale; where it has no derivative, autograd finds it.
        value: Its value.
        arguments: Where it was taken.
    """
    if primitive.derivative is not None:
        return primitive.derivative(value, *arguments)
    with torch.enable_grad():
        tracked = [part.expand_as(value).detach().clone().requires_grad_() for part in arguments]
        total = primitive.torch_function(*tracked).sum()
        return torch.autograd.grad(total, tracked)


def _times(first: Tensor | float, second: Tensor | float) -> Tensor | float:
    """The product, at no cost where a factor is the number 1."""
    if isinstance(first, float) and first == 1.0:
        return second
    if isinstance(second, float) and second == 1.0:
        return first
    return first * second


def fixed_constants(expression: Expression, *, all_exponents: bool) -> tuple[bool, ...]:
    """Which constants are part of the form rather than numbers to be fitted.

    Those are the exponents of `pow`: moving a whole one makes negative bases NaN, and moving
    any changes what kind of equation it is.

    Arguments:
        expression: The expression.
        all_exponents: Whether exponents that are not whole count too.
    Returns:
        One truth value per constant, in the order of `Expression.constants`.
    """
    fixed: list[bool] = []
    stack: list[tuple[Expression, bool]] = [(expression, False)]
    while stack:
        node, is_exponent = stack.pop()
        if isinstance(node, Constant):
            fixed.append(is_exponent and (all_exponents or node.value.is_integer()))
        is_power = isinstance(node, Call) and node.primitive == POW
        last = len(node.arguments) - 1
        for index in range(last, -1, -1):
            stack.append((node.arguments[index], is_power and index == last))
    return tuple(fixed)


def check_variables(expression: Expression, given: Sequence[str]) -> None:
    """Refuse a list of variables that lacks one of the expression's.

    Raises:
        ValueError: If one is missing; it is named, with the nearest given one.
    """
    for name in expression.variables:
        if name not in given:
            raise ValueError(
                f"variable {name!r} of the expression has no value; {suggestion(name, given)}"
            )


def _common_dtype(tensors: Sequence[Tensor]) -> torch.dtype:
    """The type that the tensors promote to, made a floating one if they are whole numbers."""
    dtype = torch.get_default_dtype()
    if tensors:
        common = tensors[0].dtype
        for tensor in tensors[1:]:
            common = torch.promote_types(common, tensor.dtype)
        if common.is_floating_point or common.is_complex:
            dtype = common
    return dtype
