"""Reading a program whose choices are made as expressions."""

from collections.abc import Sequence
from dataclasses import dataclass

from esr.equations import Constant, Expression, Primitive, Variable, apply

__all__ = ["Decisions", "read_program"]


@dataclass(frozen=True)
class Decisions:
    """One replica's program as numbers.

    Arguments:
        operators: The index of each slot's operator, M of them.
        pointers: The source of each operand of each slot, `M x 2`.
        gains: The factors on the operands, `M x 2`.
        offsets: What is added to them, `M x 2`.
        readout: Weights of the sources in each output, `O x F`.
    """

    operators: Sequence[int]
    pointers: Sequence[Sequence[int]]
    gains: Sequence[Sequence[float]]
    offsets: Sequence[Sequence[float]]
    readout: Sequence[Sequence[float]]


def read_program(
    program: Decisions,
    operators: Sequence[Primitive],
    variables: Sequence[str],
    threshold: float = 0.0,
) -> list[Expression]:
    """The expression of each output.

    Arguments:
        program: What was decided.
        operators: The S primitives.
        variables: Names of the D inputs.
        threshold: Gains, offsets and weights of at most this size are left out.
    Raises:
        ValueError: If a constant is not finite.
    """
    sources: list[Expression] = [*(Variable(name) for name in variables), Constant(1.0)]
    for index, pointers, gains, offsets in zip(
        program.operators, program.pointers, program.gains, program.offsets, strict=True
    ):
        operator = operators[index]
        operands = [
            _combination([gain], [sources[source]], offset, threshold)
            for source, gain, offset in zip(pointers, gains, offsets, strict=True)
        ]
        sources.append(apply(operator, *operands[: operator.arity]))
    return [_combination(row, sources, 0.0, threshold) for row in program.readout]


def _combination(
    weights: Sequence[float], terms: Sequence[Expression], offset: float, threshold: float
) -> Expression:
    """The sum of weight times term, and the offset; constants are added up."""
    total: Expression | None = None
    offset = 0.0 if abs(offset) <= threshold else offset
    for weight, term in zip(weights, terms, strict=True):
        if abs(weight) <= threshold:
            continue
        if isinstance(term, Constant):
            offset += weight * term.value
            continue
        summand = term if weight == 1 else Constant(weight) * term
        total = summand if total is None else total + summand
    if total is None:
        return Constant(offset)
    return total if offset == 0 else total + Constant(offset)
