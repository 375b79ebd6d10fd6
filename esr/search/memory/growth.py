"""Growing a memory by families of programs, a little of each in every round."""

import torch
from torch import Tensor

from esr.equations import PrimitiveSet
from esr.search.clock import Clock
from esr.search.memory.families import Recipe, recipes
from esr.search.memory.memory import Memory
from esr.search.question import Question

__all__ = ["Growth", "remember"]

_ROUNDS = (5000, 15000)
"""Sizes at which growth begins another round."""
_PAIRS = 4
"""Pairs that are listed for each program wanted, since some are known or not allowed."""


def remember(question: Question, programs: int, clock: Clock, *, spare: int = 2000) -> Memory:
    """A memory for a question, grown in rounds.

    Arguments:
        question: Its training rows, primitives and rules count.
        programs: How many programs to store, as far as time allows.
        clock: The time allowed.
        spare: Room for what is written later.
    """
    memory = Memory(question.training, programs + spare, question.rules)
    growth = Growth(memory, question.primitives)
    for size in (*_ROUNDS, programs):
        growth.grow(min(size, programs), clock)
    return memory


class Growth:
    """Grows a memory in rounds, in which every family has its share of the room.

    Arguments:
        memory: The memory, which holds its variables.
        primitives: Functions that may occur, besides operators and whole powers.
    """

    def __init__(self, memory: Memory, primitives: PrimitiveSet) -> None:
        self.memory = memory
        variables = torch.arange(len(memory))
        self._recipes = recipes(primitives, len(variables))
        self._groups = {recipe.into: [variables[:0]] for recipe in self._recipes}
        self._rounds = 0
        self._groups |= {"variables": [variables], "terms": [variables]}

    def grow(self, programs: int, clock: Clock) -> None:
        """Grow until the memory holds about so many programs, is full, or time is over.

        Arguments:
            programs: How many are wanted, those included that are stored already.
            clock: The time allowed.
        """
        programs = min(programs, self.memory.capacity)
        due = [recipe for recipe in self._recipes if recipe.since <= self._rounds]
        self._rounds += 1
        shares = sum(recipe.share for recipe in due)
        for recipe in due:
            if clock.expired or len(self.memory) >= programs:
                return
            room = (programs - len(self.memory)) * recipe.share / shares
            self._follow(recipe, max(1, round(room)))
            shares -= recipe.share

    def group(self, *names: str) -> Tensor:
        """Places of the programs of groups, in order."""
        return torch.cat([part for name in names for part in self._groups[name]])

    def _follow(self, recipe: Recipe, most: int) -> None:
        """Store up to so many results of a recipe."""
        left, right = self.group(*recipe.left), None
        if recipe.right:
            same = recipe.left == recipe.right
            left, right = _pairs(left, self.group(*recipe.right), _PAIRS * most, same)
            if recipe.disjoint:
                used = self.memory.used
                apart = (used[left] & used[right]) == 0
                left, right = left[apart], right[apart]
        stored = self.memory.extend(recipe.operations, left, right, most)
        self._groups[recipe.into].append(stored)


def _pairs(left: Tensor, right: Tensor, wanted: int, unordered: bool) -> tuple[Tensor, Tensor]:
    """Pairs of the first of both, those of early members first.

    Arguments:
        left: Places `(A,)`.
        right: Places `(B,)`.
        wanted: About how many.
        unordered: Whether both are the same and the order in a pair makes no difference.
    """
    side = int((wanted * (2 if unordered else 1)) ** 0.5) + 1
    rows = min(len(left), max(side, wanted // max(1, len(right)) + 1))
    columns = min(len(right), max(side, wanted // max(1, len(left)) + 1))
    i, j = torch.cartesian_prod(torch.arange(rows), torch.arange(columns)).reshape(-1, 2).T
    if unordered:
        i, j = i[i <= j], j[i <= j]
    order = torch.maximum(i, j).argsort(stable=True)
    return left[i[order]], right[j[order]]
