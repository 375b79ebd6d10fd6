"""What is missing from the best equations so far: a term or a factor."""

import torch

from esr.equations import Variable
from esr.search.front import SearchFront
from esr.search.splits.reduction import Reduction

__all__ = ["remainder_splits"]

_EXPLAINED = 0.5
"""Largest share of the variance that an equation worth completing may leave."""
_FACTOR = 0.05
"""Size of an equation's value, in its mean size, at which it may still be a factor."""


def remainder_splits(front: SearchFront, most: int) -> list[Reduction]:
    """Reductions to what a candidate leaves: as a term, and as a factor if it is never zero.

    They have the same variables; only the target is different.

    Arguments:
        front: Holds the candidates; those with the shortest descriptions are taken.
        most: How many candidates.
    """
    training = front.question.training
    variance = float(training.target.var())
    columns = {name: Variable(name) for name in front.question.variables}
    found: list[Reduction] = []
    for candidate in front.promising(4 * most):
        if len(found) == most:
            break
        if not 0 < candidate.training_error < _EXPLAINED * variance:
            continue
        found.append(Reduction(columns, offset=candidate.expression))
        sizes = candidate.expression.evaluate(training.columns).abs()
        if bool(torch.isfinite(sizes).all()) and bool(sizes.min() > _FACTOR * sizes.mean()):
            found.append(Reduction(columns, factor=candidate.expression))
    return found
