"""One rule to its coupling terms."""

import math

import torch
from torch import Tensor

from esr.hopfield import CouplingTerm, Grid
from esr.rules.evaluation import Evaluation, as_tensor
from esr.rules.faults import EvaluationError
from esr.rules.header import instances_of
from esr.rules.instances import Instances
from esr.rules.printer import printed
from esr.rules.tree import Cell, OneLine, Place, RuleLine
from esr.rules.values import Values

__all__ = ["group_terms", "rule_term"]


def rule_term(name: str, rule: RuleLine, grid: Grid, values: Values) -> CouplingTerm:
    """The term of a rule; it may have no instances.

    Raises:
        EvaluationError: If a value in it cannot be computed.
    """
    found = instances_of(rule, [cell.indices for cell in rule.cells], values)
    hard, source = rule.weight is None, printed(rule)
    if found.count == 0:
        neurons = torch.zeros(0, len(rule.cells), dtype=torch.int64)
        weights = torch.zeros(0, dtype=torch.float64)
        return CouplingTerm(name, neurons, weights, hard, source, rule.at.line)
    evaluation = Evaluation(values, found.columns, learned=False)
    places = [_neurons(cell, grid, values, evaluation, found) for cell in rule.cells]
    neurons, weights = torch.stack(places, 1), _weights(rule, values, found)
    return CouplingTerm(name, neurons, weights, hard, source, rule.at.line)


def group_terms(name: str, line: OneLine, grid: Grid, values: Values) -> list[CouplingTerm]:
    r"""The price of groups in which not exactly one neuron is on: bias and pairs.

    .. math:: -w \Big(\sum_i V_i - 1\Big)^2 = -w + w \sum_i V_i - 2w \sum_{i<j} V_i V_j
              \quad\text{for } V_i \in \{0, 1\},

    without the constant.

    Raises:
        EvaluationError: If the weight cannot be computed.
    """
    if line.weight is None:
        return []
    weight = as_tensor(Evaluation(values, {}, learned=True).number(line.weight)).double()
    _require_finite(weight, line.weight.at)
    ranges = [torch.arange(size) for size in grid.shape]
    neurons = grid.neurons(torch.meshgrid(ranges, indexing="ij"))
    free = [place for place, entry in enumerate(line.entries) if entry == "*"]
    size = math.prod(grid.shape[place] for place in free)
    groups = neurons.movedim(free, list(range(-len(free), 0))).reshape(-1, size)
    source, number = printed(line), line.at.line
    singles = groups.reshape(-1, 1)
    terms = [_constant(f"{name}.single", singles, -weight, source, number)]
    if size > 1:
        first, second = torch.triu_indices(size, size, 1)
        pairs = torch.stack([groups[:, first], groups[:, second]], 2).reshape(-1, 2)
        terms.append(_constant(f"{name}.pairs", pairs, 2 * weight, source, number))
    return terms


def _neurons(
    cell: Cell, grid: Grid, values: Values, evaluation: Evaluation, found: Instances
) -> Tensor:
    """Flat indices of a cell's neurons, `(n,)`."""
    places = []
    for index, axis in zip(cell.indices, grid.axes, strict=True):
        place = values.positions(axis.name, evaluation.whole(index))
        places.append(place.expand(found.count))
    return grid.neurons(places)


def _weights(rule: RuleLine, values: Values, found: Instances) -> Tensor:
    """Weight of each instance, `(n,)`; zeros of a hard rule."""
    if rule.weight is None:
        return torch.zeros(found.count, dtype=torch.float64)
    number = Evaluation(values, found.columns, learned=True).number(rule.weight)
    weights = as_tensor(number).double().expand(found.count)
    _require_finite(weights, rule.weight.at)
    return weights


def _constant(name: str, neurons: Tensor, weight: Tensor, source: str, line: int) -> CouplingTerm:
    return CouplingTerm(name, neurons, weight.expand(len(neurons)), False, source, line)


def _require_finite(weights: Tensor, at: Place) -> None:
    if not bool(weights.detach().isfinite().all()):
        raise EvaluationError(at, "a weight is not a finite number")
