"""Reading a pruned equation learner as expressions."""

from collections.abc import Sequence

from torch import Tensor

from baselines.eql.units import UnitGroup
from esr.equations import Constant, Expression, Variable, apply

__all__ = ["read_network"]


def read_network(
    weights: Sequence[Tensor],
    hidden: Sequence[Sequence[UnitGroup]],
    variables: Sequence[str],
    threshold: float = 0.0,
) -> list[Expression]:
    """The expression of each output of one network.

    Arguments:
        weights: One matrix `(out, in + 1)` for each layer, float64; the last column is the bias.
        hidden: The unit groups of each hidden layer.
        variables: Names of the inputs.
        threshold: Weights of at most this size are left out.
    Raises:
        ValueError: If a weight is not finite.
    """
    features: list[Expression] = [Variable(name) for name in variables]
    for matrix, groups in zip(weights[:-1], hidden, strict=True):
        operands = [_combination(row, features, threshold) for row in matrix.tolist()]
        features, start = [], 0
        for group in groups:
            function = group.reads_as or group.primitive
            for unit in range(start, start + group.count):
                places = range(unit, start + group.operands, group.count)
                features.append(apply(function, *(operands[place] for place in places)))
            start += group.operands
    return [_combination(row, features, threshold) for row in weights[-1].tolist()]


def _combination(
    row: Sequence[float], terms: Sequence[Expression], threshold: float
) -> Expression:
    """The sum of weight times term, and the bias that ends the row."""
    total: Expression | None = None
    offset = row[-1] if abs(row[-1]) > threshold else 0.0
    for weight, term in zip(row[:-1], terms, strict=True):
        if not abs(weight) > threshold and weight == weight:
            continue
        if isinstance(term, Constant):
            offset += weight * term.value
            continue
        summand = term if weight == 1 else Constant(weight) * term
        total = summand if total is None else total + summand
    if total is None:
        return Constant(offset)
    return total if offset == 0 else total + Constant(offset)
