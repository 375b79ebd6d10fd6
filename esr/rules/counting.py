"""Counts of neurons to hard coupling terms: what must not all be on at once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product

import torch
from torch import Tensor

from esr.hopfield import CouplingTerm, Grid
from esr.rules.evaluation import Evaluation
from esr.rules.faults import EvaluationError
from esr.rules.header import instances_of
from esr.rules.printer import printed
from esr.rules.tree import Binary, Braces, CountLine, Expression, Name
from esr.rules.values import Values

__all__ = ["bound_of", "count_terms", "is_set"]

_MOST = 1_000_000
"""How many combinations of neurons one count may come to."""


def count_terms(name: str, line: CountLine, grid: Grid, values: Values) -> list[CouplingTerm]:
    """Hard terms that hold exactly where a count does, one for each order.

    At most n: no n + 1 of the neurons are on. At least n of neurons in m groups: no m - n + 1
    of the groups all hold other symbols.

    Raises:
        EvaluationError: If a value cannot be computed, there are too many combinations, or
            a lower bound concerns neurons that are free.
    """
    bound = bound_of(line, values)
    if not line.most and bound > 0 and not grid.grouped:
        reason = (
            "only neurons in groups can be required, since rules say what is on together; "
            "write a 'one' group first"
        )
        raise EvaluationError(line.at, reason)
    by_order: dict[int, list[tuple[int, ...]]] = defaultdict(list)
    found = 0
    for neurons in _counted(line, grid, values):
        chosen = _too_many(neurons, bound, grid) if line.most else _too_few(neurons, bound, grid)
        if chosen is None:
            groups = len({neuron // grid.symbols for neuron in neurons})
            reason = f"at least {bound} cannot be on, since there are {groups} groups"
            raise EvaluationError(line.bound.at, reason)
        for instance in chosen:
            by_order[len(instance)].append(instance)
            found += 1
            if found > _MOST:
                reason = f"the count has more than {_MOST:,} combinations of neurons"
                raise EvaluationError(line.at, reason)
    text, number = printed(line), line.at.line
    terms = []
    for order, instances in by_order.items():
        label = name if len(by_order) == 1 else f"{name}.{order}"
        weights = torch.zeros(len(instances), dtype=torch.float64)
        terms.append(CouplingTerm(label, torch.tensor(instances), weights, True, text, number))
    return terms


def bound_of(line: CountLine, values: Values) -> int:
    """The number that a count is compared with.

    Raises:
        EvaluationError: If it is not a whole number of at least 0.
    """
    number = Evaluation(values, {}, learned=False).number(line.bound)
    whole = float(number)
    if not whole.is_integer() or whole < 0:
        raise EvaluationError(line.bound.at, f"a count is a whole number from 0 on, not {whole:g}")
    return int(whole)


def is_set(entry: Expression | None, values: Values) -> bool:
    """Whether an entry of a count stands for several places of its axis."""
    if isinstance(entry, Name):
        return entry.name in values.kinds
    if isinstance(entry, Binary):
        return entry.operator in ("..", "|", "&") or is_set(entry.left, values)
    return entry is None or isinstance(entry, Braces)


def _counted(line: CountLine, grid: Grid, values: Values) -> Iterator[list[int]]:
    """The neurons of each instance."""
    single = [None if is_set(entry, values) else entry for entry in line.entries]
    found = instances_of(line, [single], values)
    evaluation = Evaluation(values, found.columns, learned=False)
    columns: list[Tensor] = []  # places of each instance, (n, 1) or (1, places)
    for entry, axis in zip(line.entries, grid.axes, strict=True):
        if entry is None:
            columns.append(torch.arange(len(axis))[None])
        elif is_set(entry, values):
            places = values.positions(axis.name, values.coded(values.members(entry)))
            inside = sorted({*places[places >= 0].tolist()})
            columns.append(torch.tensor([inside], dtype=torch.int64))
        else:
            places = values.positions(axis.name, evaluation.whole(entry))
            columns.append(places.expand(found.count)[:, None])
    for instance in range(found.count):
        rows = [column[instance if len(column) > 1 else 0] for column in columns]
        yield grid.neurons(torch.meshgrid(rows, indexing="ij")).flatten().tolist()


def _too_many(neurons: Sequence[int], bound: int, grid: Grid) -> Iterable[tuple[int, ...]]:
    """Each choice of one neuron more than allowed; of a group, never two are on."""
    groups = _by_group(neurons, grid) if grid.grouped else {neuron: [neuron] for neuron in neurons}
    for chosen in combinations(groups.values(), bound + 1):
        yield from product(*chosen)


def _too_few(neurons: Sequence[int], bound: int, grid: Grid) -> Iterable[tuple[int, ...]] | None:
    """Each choice of other neurons in so many groups that too few are left; None if there are."""
    if bound == 0:
        return ()
    groups = _by_group(neurons, grid)
    if len(groups) < bound:
        return None
    others = [
        sorted({*range(slot * grid.symbols, (slot + 1) * grid.symbols)} - set(here))
        for slot, here in groups.items()
    ]
    chosen = combinations(others, len(groups) - bound + 1)
    return (instance for slots in chosen for instance in product(*slots))


def _by_group(neurons: Sequence[int], grid: Grid) -> dict[int, list[int]]:
    """The neurons of each group that has any."""
    groups: dict[int, list[int]] = defaultdict(list)
    for neuron in neurons:
        groups[neuron // grid.symbols].append(neuron)
    return groups
