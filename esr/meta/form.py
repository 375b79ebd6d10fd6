"""The form of a member: which of its numbers depend on x, and which on its parameters only."""

from collections.abc import Sequence

import torch
from torch import Tensor

from esr.equations import Call, Expression, Primitive, Variable, fold, postorder
from esr.equations.evaluation import Evaluator
from esr.equations.folding import fold_constants
from esr.equations.tidy import tidy
from esr.errors import ConfigurationError, ParseError, suggestion
from esr.meta.member import Member

__all__ = ["Form", "read_form"]


class Form:
    """An expression with named parameters, for many values of them at once.

    What does not depend on a variable is a coefficient, computed once when parameters are drawn:
    `exp(-2*a*x)*sin(b)` has the coefficients -2a and sin(b). Only the rest is evaluated at points.

    Arguments:
        expression: The expression, in the variables and the parameters.
        variables: Names of the D variables.
        parameters: Names of the P parameters.
    """

    def __init__(
        self, expression: Expression, variables: Sequence[str], parameters: Sequence[str]
    ) -> None:
        self.variables, self.parameters = tuple(variables), tuple(parameters)
        names: dict[Expression, str] = {}
        prefix = "_".join(variables) + "_"  # longer than every variable, so unlike any

        def lifted(part: Expression, varies: bool) -> Expression:
            name = f"{prefix}{len(names)}"
            return part if varies else Variable(names.setdefault(part, name))

        def visit(
            node: Expression, parts: tuple[tuple[Expression, bool], ...]
        ) -> tuple[Expression, bool]:
            if not isinstance(node, Call):
                return node, isinstance(node, Variable) and node.name in variables
            varies = any(part_varies for _, part_varies in parts)
            operands = [lifted(*part) if varies else part[0] for part in parts]
            return Call(node.primitive, operands), varies

        self._skeleton = lifted(*fold(fold_constants(expression), visit))
        self._names = tuple(names.values())
        self._evaluator = Evaluator(self._skeleton, (*variables, *self._names))
        self._shared = _SharedParts(tuple(names), self.parameters)

    def coefficients(self, parameters: Tensor) -> Tensor:
        """The coefficients of K functions, `(C, K, 1)`, for parameters `(K, P)` and any more."""
        if not self._names:
            return parameters.new_empty(0, len(parameters), 1)
        columns = parameters.unsqueeze(-1).unbind(1)
        size = (len(parameters), 1)
        return torch.stack([value.expand(size) for value in self._shared(columns, parameters)])

    def evaluate(self, inputs: Tensor, coefficients: Tensor) -> Tensor:
        """The values `(K, N)` at inputs `(K, N, D)`, given what `coefficients` returned."""
        values = (*inputs.unbind(-1), *coefficients.to(inputs.dtype).unbind())
        return self._evaluator(values, ()).expand(inputs.shape[:-1])

    def expression(self, coefficients: Sequence[float]) -> Expression:
        """The equation of one function, with its C coefficients as numbers."""
        return tidy(self._skeleton.substitute(dict(zip(self._names, coefficients, strict=True))))


def read_form(name: str, member: Member, variables: Sequence[str]) -> Form:
    """The form of a member of a family.

    Arguments:
        name: What the family calls it, for messages.
        member: The text and the parameters.
        variables: Names of the family's variables.
    Raises:
        ConfigurationError: If the text cannot be read, has a name that is neither variable nor
            parameter, or lacks a parameter, or a parameter has the name of a variable.
    """
    where = f"the member '{name}'"
    for parameter in member.parameters:
        if parameter in variables:
            raise ConfigurationError(
                f"{where} has a parameter {parameter!r}, which is also a variable; rename one"
            )
    known = (*variables, *member.parameters)
    try:
        expression = Expression.parse(member.expression, variables=known)
    except ParseError as error:
        raise ConfigurationError(f"{where} cannot be read: {error}") from error
    for parameter in member.parameters:
        if parameter not in expression.variables:
            others = set(expression.variables) - set(variables)
            raise ConfigurationError(
                f"the parameter {parameter!r} of {where} does not occur in its expression; "
                + suggestion(parameter, others)
            )
    return Form(expression, variables, tuple(member.parameters))


class _SharedParts:
    """Several expressions of the same names, each part that occurs in them computed once."""

    def __init__(self, expressions: Sequence[Expression], names: Sequence[str]) -> None:
        places: dict[Expression, int] = {}
        for expression in expressions:
            for node in postorder(expression):
                places.setdefault(node, len(places))
        self._wanted = [places[expression] for expression in expressions]
        # where a name's value is found, a number, or a primitive and the places of its operands
        self._steps: list[int | Tensor | tuple[Primitive, list[int]]] = []
        for node in places:
            if isinstance(node, Call):
                self._steps.append((node.primitive, [places[part] for part in node.arguments]))
            elif isinstance(node, Variable):
                self._steps.append(names.index(node.name))
            else:
                self._steps.append(torch.tensor(node.constants[0], dtype=torch.float64))

    def __call__(self, values: Sequence[Tensor], like: Tensor) -> list[Tensor]:
        """The value of each expression for values of the names, on the device of `like`."""
        results: list[Tensor] = []
        for step in self._steps:
            if isinstance(step, int):
                results.append(values[step])
            elif isinstance(step, Tensor):
                results.append(step.to(like.device))
            else:
                primitive, operands = step
                results.append(primitive.torch_function(*[results[place] for place in operands]))
        return [results[place] for place in self._wanted]
