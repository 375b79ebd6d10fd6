"""Values of expressions on tensors."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from esr.equations.expression import Call, Constant, Expression, Variable
from esr.equations.primitives import Primitive
from esr.equations.standard import POW
from esr.equations.traversal import postorder
from esr.errors import suggestion

__all__ = ["Evaluator", "check_variables", "evaluate", "fixed_constants"]


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
        constants = 0
        for node in postorder(expression):
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
        sources = (values, constants)
        stack: list[Tensor] = []
        for instruction in self._instructions:
            if isinstance(instruction, Primitive):
                first = len(stack) - instruction.arity
                stack[first:] = [instruction.torch_function(*stack[first:])]
            else:
                group, place = instruction
                stack.append(sources[group][place])
        return stack[0]


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
