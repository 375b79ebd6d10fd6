"""Couplings written back as rule text: whatever was learnt or compiled, in the rule language."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from esr.errors import ConfigurationError
from esr.hopfield.exact.pairwise import PairwiseNetwork, pairwise_of
from esr.hopfield.grid import Grid
from esr.hopfield.term import CouplingTerm
from esr.rules.layout import Layout, Offset

__all__ = ["rules_text"]

Indices = tuple[int, ...]
"""A place along the axes of slots, or the symbols of one neuron or two along their axes."""

Box = tuple[tuple[int, ...], ...]
"""A product of sets of indices."""

Entries = dict[Offset | None, dict[Indices, dict[Indices, Tensor]]]
"""Weights by offset (None: a slot alone), by symbols and by place."""


def rules_text(
    grid: Grid,
    terms: Sequence[CouplingTerm],
    *,
    tolerance: float = 0.0,
    threshold: float = 0.0,
    name: str = "learnt",
) -> str:
    """A rule program with the energy of terms on one-of-many slots, alone and in pairs.

    Pairs of slots at the same distance along axes of numbers share rules, and so do symbols with
    equal partners: a chain whose edges all have one matrix needs no rule twice.

    Arguments:
        grid: With one-of-many groups; written as `V`.
        terms: Of which no instance joins three slots.
        tolerance: Soft weights that lie within this of each other may be written as one, their
            mean, in units of energy; 0 keeps every weight as it is.
        threshold: Soft weights of at most this size are left out, in units of energy.
        name: What the rules' names begin with, an identifier.
    Returns:
        Lines of text: axes, groups, sets, hard rules and soft rules, slots alone before pairs.
    Raises:
        ConfigurationError: If the grid has no groups, an instance joins three slots or more,
            or a tolerance is negative.
    """
    if not (tolerance >= 0 and threshold >= 0):
        raise ConfigurationError(
            f"tolerance and threshold must be at least 0, but are {tolerance} and {threshold}"
        )
    network = pairwise_of(grid, terms)
    if network is None:
        raise ConfigurationError(
            "only terms that join two slots at most, on a grid in one-of-many groups, can be "
            "written as rules"
        )
    layout = Layout(grid)
    rules: list[tuple[str, str]] = []
    for hard in (True, False):
        for entries in (_fields(layout, network), _couplings(layout, network)):
            rules += _rules(layout, _by_word(entries, hard, tolerance, threshold))
    lines = layout.declarations()
    for number, (header, body) in enumerate(rules, 1):
        lines.append(f"{name}_{number}: {layout.with_named_sets(header)}{body}")
    return "\n".join(lines) + "\n"


def _fields(layout: Layout, network: PairwiseNetwork) -> Entries:
    """The fields other than zero."""
    found: dict[Indices, dict[Indices, Tensor]] = defaultdict(dict)
    for slot, symbol in (network.fields != 0).nonzero().tolist():
        found[layout.symbol(symbol)][layout.place(slot)] = network.fields[slot, symbol]
    return {None: found}


def _couplings(layout: Layout, network: PairwiseNetwork) -> Entries:
    """The couplings other than zero, each from the slot that comes first along the offset."""
    found: Entries = defaultdict(lambda: defaultdict(dict))
    for edge, (first, second) in enumerate(network.edges.tolist()):
        offset, place, swapped = layout.offset(first, second)
        matrix = network.couplings[edge].mT if swapped else network.couplings[edge]
        for one, other in (matrix != 0).nonzero().tolist():
            symbols = (*layout.symbol(one), *layout.symbol(other))
            found[offset][symbols][place] = matrix[one, other]
    return found


def _by_word(
    entries: Entries, hard: bool, tolerance: float, threshold: float
) -> dict[tuple[Offset | None, str], dict[Indices, set[Indices]]]:
    """The places of each tuple of symbols, by offset and by what stands after `=>`."""
    each = [w for symbols in entries.values() for at in symbols.values() for w in at.values()]
    words = {-torch.inf: "forbid"} if hard else _soft_words(each, tolerance, threshold)
    found: dict[tuple[Offset | None, str], dict[Indices, set[Indices]]] = defaultdict(
        lambda: defaultdict(set)
    )
    for offset, of_symbols in entries.items():
        for symbols, at in of_symbols.items():
            for place, weight in at.items():
                word = words.get(float(weight))
                if word is not None:
                    found[offset, word][symbols].add(place)
    return found


def _soft_words(weights: Sequence[Tensor], tolerance: float, threshold: float) -> dict[float, str]:
    """How each soft weight is written; those below the threshold are missing."""
    kept = {float(w): w.detach() for w in weights if threshold < abs(float(w)) < torch.inf}
    groups: list[list[float]] = []
    for value in sorted(kept):
        if groups and value - groups[-1][0] <= tolerance:
            groups[-1].append(value)
        else:
            groups.append([value])
    words: dict[float, str] = {}
    for group in groups:
        mean = torch.stack([kept[value] for value in group]).mean()
        shortest = np.format_float_positional(mean.cpu().numpy().flat[0], trim="0")
        words |= dict.fromkeys(group, shortest)
    return words


def _rules(
    layout: Layout,
    by_word: dict[tuple[Offset | None, str], dict[Indices, set[Indices]]],
) -> list[tuple[str, str]]:
    """Header and body of each rule; symbols that occur at the same places are written together."""
    rules = []
    for (offset, word), places_of in by_word.items():
        together: dict[frozenset[Indices], set[Indices]] = defaultdict(set)
        for symbols, places in places_of.items():
            together[frozenset(places)].add(symbols)
        for where, kinds in together.items():
            for header, conjunction in layout.rules(offset, _boxes(set(where)), _fewest(kinds)):
                rules.append((header, f"{conjunction} => {word}"))
    return rules


def _boxes(rows: set[Indices]) -> list[Box]:
    """Disjoint products of sets whose union is a set of index tuples of one length."""
    if not rows or () in rows:
        return [()] * len(rows)
    rest: dict[int, set[Indices]] = defaultdict(set)
    for head, *tail in rows:
        rest[head].add(tuple(tail))
    alike: dict[frozenset[Indices], list[int]] = defaultdict(list)
    for head in sorted(rest):
        alike[frozenset(rest[head])].append(head)
    return [(tuple(heads), *box) for tails, heads in alike.items() for box in _boxes(set(tails))]


def _fewest(rows: set[Indices]) -> list[Box]:
    """`_boxes` from the first or from the last index on, whichever are fewer."""
    forward = _boxes(rows)
    backward = [box[::-1] for box in _boxes({row[::-1] for row in rows})]
    return min(forward, backward, key=len)
