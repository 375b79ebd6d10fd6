"""Slots that do not couple get one colour, so that all of them can be updated at once."""

from collections.abc import Iterable

__all__ = ["colour_classes"]


def colour_classes(slots: int, joined: Iterable[tuple[int, ...]]) -> list[list[int]]:
    """Classes of slots without a coupling inside, found greedily, slots of many couplings first.

    Arguments:
        slots: Number of slots G.
        joined: Slots that act together, two or more at a time.
    Returns:
        The classes, each in rising order; together they hold every slot once.
    Source: Welsh and Powell (1967), The Computer Journal 10(1), 85-86; its use for sampling:
        Gonzalez et al. (2011), Parallel Gibbs sampling, AISTATS.
    """
    neighbours: list[set[int]] = [set() for _ in range(slots)]
    for group in joined:
        for slot in group:
            neighbours[slot].update(group)
    colour: dict[int, int] = {}
    # One slot after the other: each choice depends on those before.
    for slot in sorted(range(slots), key=lambda index: -len(neighbours[index])):
        taken = {colour[other] for other in neighbours[slot] if other in colour}
        colour[slot] = next(c for c in range(slots) if c not in taken)
    classes: list[list[int]] = [[] for _ in range(max(colour.values(), default=-1) + 1)]
    for slot in range(slots):
        classes[colour[slot]].append(slot)
    return classes
